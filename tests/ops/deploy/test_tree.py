"""Walking a tree: links, names, what is left out, what is wrong with the whole."""

import hashlib
import os
from pathlib import Path

import pytest

from ops.deploy.hashing import FileChangedError, open_unchanged, read_all
from ops.deploy.tree import walk
from tests.ops.deploy.conftest import write


def paths(tree) -> list[str]:
    return [file.path for file in tree.files]


def test_files_are_sorted_and_named_as_in_urls(site: Path):
    write(site, "ä ü/€.html", "x")
    write(site, ".well-known/security.txt", "x")
    tree = walk(site)
    assert paths(tree) == sorted(paths(tree))
    assert {"ä ü/€.html", ".well-known/security.txt", "docs/index.html"} <= set(paths(tree))
    assert tree.problems == []
    assert [file.path for file in tree.files if file.hashed] == ["assets/app-B7PI925R.js"]


def test_left_out_is_said(site: Path):
    for path in (".DS_Store", "node_modules/a/b.js", "docs/index.html~", "drafts/a.html", "deploy.toml"):
        write(site, path, "x")
    tree = walk(site, exclude=["drafts/*"])
    assert not {".DS_Store", "node_modules/a/b.js", "drafts/a.html", "deploy.toml"} & set(paths(tree))
    assert tree.left_out == [".DS_Store", "docs/index.html~", "drafts/a.html", "node_modules"]
    assert any("left out: .DS_Store" in remark for remark in tree.remarks)


@pytest.mark.parametrize(
    "name", [".env", ".env.production", ".git/config", "docs/.aws/credentials", "_releases/x", "_deploy/x"]
)
def test_refused_names(site: Path, name: str):
    write(site, name, "x")
    (problem,) = walk(site).problems
    assert problem.startswith(name.split("/")[0] if not name.startswith("docs") else "docs/.aws")


def test_an_allowed_name(site: Path):
    write(site, ".env.example", "A=")
    assert walk(site, allowed=[".env.example"]).problems == []


def test_own_prefixes_are_only_refused_at_the_top(site: Path):
    write(site, "docs/_releases/a.html", "x")
    assert walk(site).problems == []


def test_links(site: Path, tmp_path: Path):
    outside = write(tmp_path, "outside.txt", "x")
    (site / "inside.css").symlink_to(site / "style.css")
    (site / "folder").symlink_to(site / "docs")
    (site / "leaves.txt").symlink_to(outside)
    (site / "leaves-too").symlink_to(tmp_path)
    (site / "nowhere").symlink_to(site / "missing")
    (site / "docs" / "loop").symlink_to(site)
    tree = walk(site)
    assert {"inside.css", "folder/index.html"} <= set(paths(tree))
    assert len(tree.problems) == 5, tree.problems  # the loop is met twice, through folder/ too
    for name in ("leaves.txt", "leaves-too", "nowhere", "docs/loop", "folder/loop"):
        assert any(problem.startswith(f"{name}: is a link") for problem in tree.problems)


def test_a_link_to_something_refused(site: Path):
    write(site, "docs/x", "x")
    (site / ".git").mkdir()
    (site / "config.txt").symlink_to(site / ".git")
    assert any(p.startswith("config.txt: is a link to something") for p in walk(site).problems)


def test_no_index(site: Path):
    (site / "index.html").unlink()
    assert walk(site).problems[0].startswith("index.html: there is none")


def test_nothing(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert walk(tmp_path / "empty").problems == ["the directory holds no file to publish"]


def test_remarks(site: Path):
    (site / "404.html").unlink()
    write(site, "LICENSE", "x")
    remarks = walk(site).remarks
    assert any("404.html" in remark for remark in remarks)
    assert any("LICENSE" in remark for remark in remarks)


def test_odd_kinds_of_file(site: Path):
    os.mkfifo(site / "pipe")
    write(site, os.fsdecode(b"bad\xff.html"), "x")
    problems = walk(site).problems
    assert "pipe: is neither a file nor a folder" in problems
    assert "bad\\udcff.html: its name is not UTF-8" in problems


def test_contents_are_hashed_and_secrets_told_by_line_only(site: Path):
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    write(site, "config.js", f"a\nid='AKIAIOSFODNN7EXAMPLE'\ns='{secret}'")
    tree = walk(site)
    read_all(tree)
    (problem,) = tree.problems
    assert problem.startswith("config.js: line 2 holds an AWS access key")
    assert secret not in problem
    assert "AKIA" not in problem
    assert all(len(file.sha256) == 64 for file in tree.files)
    again = walk(site)
    read_all(again, allowed=["config.js"])
    assert again.problems == []


def test_the_cache_spares_reading_and_never_a_change(site: Path, tmp_path: Path, monkeypatch):
    cache = tmp_path / "cache.json"
    monkeypatch.setattr("ops.deploy.hashing.RACY_S", -10.0)
    first = walk(site)
    read_all(first, cache=cache)
    second = walk(site)
    monkeypatch.setattr("ops.deploy.hashing._read", lambda file: pytest.fail(f"{file.path} was read"))
    read_all(second, cache=cache)
    assert [f.sha256 for f in second.files] == [f.sha256 for f in first.files]
    monkeypatch.undo()
    old = os.stat(site / "style.css")
    write(site, "style.css", "b{}")
    os.utime(site / "style.css", ns=(old.st_atime_ns, old.st_mtime_ns))
    third = walk(site)
    read_all(third, cache=cache)
    changed = {f.path for f, g in zip(third.files, first.files, strict=True) if f.sha256 != g.sha256}
    assert changed == {"style.css"}, "same size and time, other bytes"


def test_digests_for_sending_are_kept_and_never_stale(site: Path, tmp_path: Path, monkeypatch):
    cache = tmp_path / "cache.json"
    monkeypatch.setattr("ops.deploy.hashing.RACY_S", -10.0)
    first = walk(site)
    read_all(first, cache=cache, sending=True)
    assert {f.path: f.md5 for f in first.files} == {f.path: md5(site / f.path) for f in first.files}
    asked = []
    monkeypatch.setattr("ops.deploy.hashing.md5_of", lambda data: asked.append(bytes(data)) or "new")
    for file in first.files:
        os.utime(site / file.path)
    write(site, "style.css", "b{}")
    second = walk(site)
    read_all(second, cache=cache, sending=True)
    assert asked == [b"b{}"], "new times, same bytes: digested once"
    assert {f.path for f in second.files if f.md5 == "new"} == {"style.css"}
    without = walk(site)
    read_all(without)
    assert {f.md5 for f in without.files} == {""}


def test_a_secret_is_never_remembered_as_clean(site: Path, tmp_path: Path, monkeypatch):
    cache = tmp_path / "cache.json"
    monkeypatch.setattr("ops.deploy.hashing.RACY_S", -10.0)
    write(site, "k.txt", "-----BEGIN PRIVATE KEY-----")
    allowed = walk(site)
    read_all(allowed, allowed=["k.txt"], cache=cache, sending=True)
    assert allowed.problems == []
    for _ in range(2):
        again = walk(site)
        read_all(again, cache=cache, sending=True)
        assert [problem.partition(";")[0] for problem in again.problems] == [
            "k.txt: line 1 holds a private key"
        ]
        os.utime(site / "k.txt")
    write(site, "style.css", "-----BEGIN PRIVATE KEY-----")
    changed = walk(site)
    read_all(changed, cache=cache, sending=True)
    assert [problem.partition(":")[0] for problem in changed.problems] == ["k.txt", "style.css"]


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def test_fresh_files_are_not_trusted(site: Path, tmp_path: Path, monkeypatch):
    cache = tmp_path / "cache.json"
    monkeypatch.setattr("ops.deploy.hashing.RACY_S", 600.0)  # fresh they are, however slow this goes
    read_all(walk(site), cache=cache)
    assert '"files":{}' in cache.read_text()


def test_a_cache_of_nonsense_is_passed_over(site: Path, tmp_path: Path):
    for text in ("", "{", "[]", '{"version":[1,"little"],"root":"/","files":{}}', "null"):
        (tmp_path / "cache.json").write_text(text)
        tree = walk(site)
        read_all(tree, cache=tmp_path / "cache.json")
        assert all(file.sha256 for file in tree.files)


def test_a_file_that_is_written_to_meanwhile(site: Path):
    tree = walk(site)
    read_all(tree)
    write(site, "style.css", "longer than before")
    (changed,) = [file for file in tree.files if file.path == "style.css"]
    with pytest.raises(FileChangedError, match=r"style\.css"):
        open_unchanged(changed)
    read_all(tree, fresh=True)
    assert tree.problems == [
        "style.css: cannot be read: "
        "it was written to while the site was being read; wait for the build to end"
    ]
