"""The artifact: the same bytes for the same inputs, byte-compiled, small, and broken sources found early."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.orchestrator_api import artifact, artifact_compile, artifact_contents
from components.orchestrator_api.artifact import build
from tests.timing import quickest

ROOT = Path(__file__).resolve().parents[3]
PYTHON_313 = artifact_compile.find_interpreter("python3.13")
needs_313 = pytest.mark.skipif(PYTHON_313 is None, reason="no Python 3.13 to compile with")

# What a hash seed puts in another order when it is compiled carelessly.
SETS = "VALUES = {'a', 'b', 'c'}\nif 'x' in {'y', 'z', 'x'}:\n    pass\n"


def project(folder: Path, **modules: str) -> Path:
    """A project with a small api_handler."""
    package = folder / "api_handler"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""The API."""\n')
    (package / "bootstrap-wrapper").write_text('#!/bin/sh\nexec "$@"\n')
    (package / "agents.toml").write_text("[[agents]]\n")
    for name, text in modules.items():
        (package / f"{name}.py").write_text(text)
    shutil.copy(ROOT / "requirements.txt", folder)
    return folder


@pytest.fixture(scope="module")
def first_build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, artifact.Artifact, float]:
    """The project, its artifact, and the seconds of this process that took."""
    root = project(tmp_path_factory.mktemp("built"), app=SETS)
    began = time.process_time()
    made = build(root)
    return root, made, time.process_time() - began


@pytest.fixture(scope="module")
def built(first_build: tuple[Path, artifact.Artifact, float]) -> tuple[Path, artifact.Artifact]:
    return first_build[:2]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one small distribution, where what is bundled does not matter."""
    for module in (artifact, artifact_contents):
        monkeypatch.setattr(module, "BUNDLED", ("six",))


def names(root: Path, made: artifact.Artifact) -> list[str]:
    return zipfile.ZipFile(root / made.path).namelist()


@pytest.mark.parametrize(
    "bundled", [("six",), pytest.param(artifact.BUNDLED, id="all", marks=pytest.mark.slow)]
)
def test_two_builds_in_two_places_give_the_same_bytes(
    bundled: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for module in (artifact, artifact_contents):
        monkeypatch.setattr(module, "BUNDLED", bundled)
    root = project(tmp_path / "here", app=SETS)
    first = build(root)
    other = tmp_path / "elsewhere"
    shutil.copytree(root, other, ignore=shutil.ignore_patterns(".build"))
    for path in (other / "api_handler").iterdir():
        os.utime(path, (0, 1_700_000_000))
        path.chmod(0o600)
    (other / "api_handler" / "__pycache__").mkdir()
    (other / "api_handler" / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"stale")
    (other / "api_handler" / ".app.py.swp").write_bytes(b"\0")
    (other / "api_handler" / "app.py~").write_text("syntax error(")
    monkeypatch.setenv("PYTHONHASHSEED", "12345")
    second = build(other)
    assert (second.sha256, second.size, second.path) == (first.sha256, first.size, first.path)
    assert (other / second.path).read_bytes() == (root / first.path).read_bytes()


def test_the_zip_is_plain(built: tuple[Path, artifact.Artifact]):
    root, made = built
    entries = zipfile.ZipFile(root / made.path).infolist()
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)
    assert {e.date_time for e in entries} == {(1980, 1, 1, 0, 0, 0)}
    modes = {e.filename: stat.S_IMODE(e.external_attr >> 16) for e in entries}
    assert modes.pop("bootstrap-wrapper") == 0o755
    assert set(modes.values()) == {0o644}
    assert made.size == (root / made.path).stat().st_size <= 6_000_000


def test_what_is_in_it(built: tuple[Path, artifact.Artifact]):
    inside = set(names(*built))
    assert {"api_handler/app.py", "api_handler/agents.toml", "bootstrap-wrapper", "six.py"} <= inside
    assert "api_handler/bootstrap-wrapper" not in inside
    assert {n.split("/")[0] for n in inside if "/" in n} - {"__pycache__"} == {
        "api_handler", "botocore", "click", "dateutil", "h11", "jmespath", "urllib3", "uvicorn",
    }  # fmt: skip
    services = {n.split("/")[2] for n in inside if n.startswith("botocore/data/") and n.count("/") > 2}
    assert services == set(artifact_contents.AWS_SERVICES)
    assert {"botocore/data/endpoints.json", "botocore/cacert.pem"} <= inside
    assert not [n for n in inside if n.endswith((".so", "~", ".swp")) or "dist-info" in n or "awscrt" in n]


@needs_313
def test_byte_code_is_complete_of_the_right_version_and_never_checked(built: tuple[Path, artifact.Artifact]):
    root, made = built
    assert (made.compiled, made.notes) == (True, ())
    archive = zipfile.ZipFile(root / made.path)
    sources = [n for n in archive.namelist() if n.endswith(".py")]
    for source in sources:
        folder, _, name = source.rpartition("/")
        code = archive.read(f"{folder + '/' if folder else ''}__pycache__/{name[:-3]}.cpython-313.pyc")
        assert int.from_bytes(code[:2], "little") == artifact_compile.MAGIC["python3.13"]
        assert int.from_bytes(code[4:8], "little") == 0b01, source  # hash-based, not checked (PEP 552)
    assert len([n for n in archive.namelist() if n.endswith(".pyc")]) == len(sources)


@needs_313
def test_the_unpacked_artifact_runs_alone(built: tuple[Path, artifact.Artifact], tmp_path: Path):
    root, made = built
    subprocess.run(["unzip", "-q", str(root / made.path), "-d", str(tmp_path)], check=True)
    program = (
        "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; sys.path.insert(0, '.')\n"
        "import api_handler.app, uvicorn, h11, click\n"
        "from botocore.session import Session\n"
        "s = Session()\n"
        f"for service in {artifact_contents.AWS_SERVICES}:\n"
        "    s.create_client(service, 'us-east-1', aws_access_key_id='x', aws_secret_access_key='y')\n"
        "print(api_handler.app.__cached__)\n"
    )
    done = subprocess.run(
        [str(PYTHON_313), "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("api_handler/__pycache__/app.cpython-313.pyc")
    assert os.access(tmp_path / "bootstrap-wrapper", os.X_OK)


def test_a_second_build_only_reads(
    first_build: tuple[Path, artifact.Artifact, float], monkeypatch: pytest.MonkeyPatch
):
    root, made, seconds = first_build

    def never(*_: object) -> object:
        raise AssertionError("built again")

    monkeypatch.setattr(artifact, "compile_sources", never)
    monkeypatch.setattr(artifact, "_build", never)
    if made.compiled:
        monkeypatch.setattr(artifact, "check_sources", never)
    monkeypatch.setattr(artifact, "find_interpreter", never if made.compiled else lambda _: None)

    def again() -> float:
        began = time.process_time()
        assert build(root) == made
        return time.process_time() - began

    # A twentieth by itself, and a sixth of a build of sources alone.
    bar = seconds / (4 if made.compiled else 2)
    assert quickest(bar, again) < bar


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_a_damaged_build_is_made_again(tmp_path: Path):
    root = project(tmp_path)
    made = build(root)
    whole = (root / made.path).read_bytes()
    (root / made.path).write_bytes(whole[:-100])
    assert build(root) == made
    assert (root / made.path).read_bytes() == whole


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_two_builds_at_once(tmp_path: Path):
    root = project(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: build(root), range(2))
    assert first == second == build(root)
    assert sorted(p.suffix for p in (root / ".build").iterdir()) == [".json", ".zip"]


@pytest.mark.usefixtures("few")
def test_old_builds_and_abandoned_work_go_after_a_day(tmp_path: Path):
    root = project(tmp_path)
    folder = root / ".build"
    (folder / ".building-x").mkdir(parents=True)
    for name, age in (
        ("api-old.zip", 90_000),
        ("api-new.zip", 60),
        (".building-x", 90_000),
        ("other.txt", 90_000),
    ):
        path = folder / name
        if not path.is_dir():
            path.write_text("x")
        os.utime(path, (time.time() - age, time.time() - age))
    made = build(root)
    left = {p.name for p in folder.iterdir()}
    assert left == {
        "api-new.zip",
        "other.txt",
        Path(made.path).name,
        Path(made.path).with_suffix(".json").name,
    }


@pytest.mark.usefixtures("few")
def test_without_an_interpreter_the_sources_go_alone_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = project(tmp_path)
    monkeypatch.setattr(artifact, "find_interpreter", lambda _: None)
    made = build(root)
    assert not made.compiled
    assert [n for n in names(root, made) if n.endswith(".pyc")] == []
    (note,) = made.notes
    assert "uv python install 3.13" in note
    assert build(root) == made


def test_an_interpreter_counts_only_with_the_right_magic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 3413\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert artifact_compile.find_interpreter("python3.13") is None
    shim.write_text("#!/bin/sh\necho 3571\n")
    assert artifact_compile.find_interpreter("python3.13") == str(shim)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef f(:\n    pass\n", "api_handler/app.py:2: "),
        (
            "import os\nimport boto3\n",
            "api_handler/app.py:2: imports boto3, which the artifact does not carry",
        ),
        ("def f():\n    from yaml import load\n", "api_handler/app.py:2: imports yaml,"),
        ("x = '\0'\n", "api_handler/app.py:1: "),
    ],
)
def test_a_broken_package_is_found_with_file_and_line(tmp_path: Path, text: str, message: str):
    root = project(tmp_path, app=text, other="class A(:\n")
    with pytest.raises(ValueError, match="the API's artifact cannot be built") as caught:
        build(root)
    assert message in str(caught.value)
    assert "api_handler/other.py:1: " in str(caught.value)  # all of it at once
    assert not list(root.glob(".build/*.zip"))


@needs_313
@pytest.mark.usefixtures("few")
def test_what_only_the_compiler_finds_is_found_too(tmp_path: Path):
    root = project(tmp_path, app="def f():\n    x: int = 1\n    nonlocal x\n")
    with pytest.raises(ValueError, match=r"api_handler/app\.py:3: .*nonlocal"):
        build(root)
    assert not list(root.glob(".build/.building-*"))


def test_optional_imports_are_left_alone(tmp_path: Path):
    text = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "try:\n    import uvloop\nexcept ImportError:\n    uvloop = None\n"
        "if TYPE_CHECKING:\n    from mypy_boto3 import Client\nfrom . import other\n"
    )
    assert artifact_contents.check_sources({"api_handler/app.py": text.encode()}) == []


@pytest.mark.usefixtures("few")
def test_missing_parts_are_named(tmp_path: Path):
    with pytest.raises(ValueError, match="no package api_handler"):
        build(tmp_path)
    root = project(tmp_path / "p")
    (root / "api_handler" / "bootstrap-wrapper").unlink()
    with pytest.raises(ValueError, match="bootstrap-wrapper is missing"):
        build(root)
    with pytest.raises(
        ValueError, match=r"runtime 'python2.7' is not known; known are: python3.12, python3.13"
    ):
        build(root, runtime="python2.7")


def test_versions_other_than_pinned_are_noted(built: tuple[Path, artifact.Artifact], tmp_path: Path):
    copy = tmp_path / "p"
    shutil.copytree(built[0], copy)
    (copy / "requirements.txt").write_text("urllib3==0.1 \\\n    --hash=sha256:00\n")
    (note,) = [n for n in build(copy).notes if "urllib3" in n]
    assert "requirements.txt pins 0.1" in note
    (copy / "requirements.txt").unlink()
    assert "no requirements.txt" in build(copy).notes[0]


@pytest.mark.usefixtures("few")
def test_a_wrapper_checked_out_with_crlf_still_starts(tmp_path: Path):
    root = project(tmp_path)
    (root / "api_handler" / "bootstrap-wrapper").write_bytes(b"#!/bin/sh\r\nexec x\r\n")
    assert artifact_contents.collect(root)["bootstrap-wrapper"] == b"#!/bin/sh\nexec x\n"


@pytest.mark.usefixtures("few")
def test_the_artifact_carries_the_index_of_the_site(tmp_path: Path):
    root = project(tmp_path)
    without = artifact_contents.collect(root)
    assert artifact_contents.SITE_INDEX not in without
    (root / "site").mkdir()
    (root / "site/index.html").write_text("<title>Home</title><p>Grüße \U0001f600</p>", encoding="utf-8")
    (root / "site/404.html").write_text("<title>Away</title>")
    with_site = artifact_contents.collect(root)
    index = json.loads(with_site[artifact_contents.SITE_INDEX])
    assert index == {"pages": [{"text": "Grüße \U0001f600", "title": "Home", "url": "/"}]}
    assert {**without, artifact_contents.SITE_INDEX: with_site[artifact_contents.SITE_INDEX]} == with_site
    # What does not show in a page changes nothing; what shows makes another artifact.
    made = build(root)
    (root / "site/style.css").write_text("p{}")
    assert build(root).sha256 == made.sha256
    (root / "site/index.html").write_text("<title>Home</title><p>New</p>")
    assert build(root).sha256 != made.sha256
    # An index of another site, put into the package by hand, wins.
    (root / "api_handler/site-index.json").write_text('{"pages": []}')
    assert artifact_contents.collect(root)[artifact_contents.SITE_INDEX] == b'{"pages": []}'
