"""The project's own program through the real engine: what an operator does with it, without an account."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.cli import main
from ops.engine.local_stack import LocalStack
from ops.engine.paths import ROOT
from ops.engine.previewing import plan
from ops.engine.result import PropertyChange
from ops.errors import OpsError
from tests.components.static_site.adopted.setups import adopted_file

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("overrides", [["domain="], ["domain=yourdomain.com"]], ids=["no domain", "domain"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_preview_of_a_stack_is_clean(
    stack: str, overrides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in ROOT.glob("Pulumi*.yaml")}
    options = [part for override in overrides for part in ("--set", override)]
    code = main(["preview", "--stack", stack, "--offline", "--json", str(tmp_path / "plan.json"), *options])
    shown = capsys.readouterr()
    assert code == 0, shown.out[-3000:] + shown.err[-3000:]
    assert "OFFLINE: the real engine with stand-in providers" in shown.out
    document = json.loads((tmp_path / "plan.json").read_text())
    assert document["ok"] is True
    assert document["offline"] is True
    assert document["warnings"] == []
    assert document["errors"] == []
    assert set(document["changes"]) == {"create"}
    assert document["changes"]["create"] == sum(document["services"].values())
    assert f"Resources: {document['changes']['create']} to create" in shown.out
    assert "/month" in document["monthly_cost"]
    assert document["monthly_cost"] in shown.out
    asked = {lookup.split("(")[0] for lookup in document["lookups"]}
    assert asked == (
        {"getCallerIdentity", "getZone"} if "domain=" not in overrides else {"getCallerIdentity"}
    )
    told = shown.out.partition("Made up, because nobody was asked:\n")[2].partition("\n\n")[0]
    assert [line.strip() for line in told.splitlines()] == document["lookups"]
    assert {path.name: path.read_bytes() for path in ROOT.glob("Pulumi*.yaml")} == before


def test_the_default_stack_comes_changes_and_goes(tmp_path: Path) -> None:
    local = LocalStack(ROOT, "dev", tmp_path)
    first = local.up()
    assert set(first.counts()) == {"create"}
    assert {"url", "bucketName", "distributionId"} <= set(first.outputs)
    assert str(first.outputs["url"]).startswith("https://d")
    total = first.counts()["create"]
    assert local.preview().counts() == {"same": total}
    changed = local.preview({"apiMemoryMb": "2048"})
    assert {step.name: step.changes for step in changed.changed()} == {
        "api-function": (PropertyChange("memorySize", "update", False, 1024, 2048),),
        "api-function-alias": (PropertyChange("functionVersion", "update", False, "1", "[unknown]"),),
    }
    assert local.destroy().counts() == {"delete": total}
    assert local.resources() == []


def test_in_prod_data_is_neither_replaced_by_a_rename_nor_destroyed(
    tmp_path: Path,
) -> None:
    local = LocalStack(ROOT, "prod", tmp_path)
    total = local.up().counts()["create"]
    with pytest.raises(OpsError, match=r"'secrets-api-key' is protected: this change would replace it"):
        local.preview({"secretPrefix": "renamed"})
    with pytest.raises(OpsError, match=r"nothing was deleted: .*'secrets-api-key'.*'site-bucket'"):
        local.destroy()
    assert local.preview().counts() == {"same": total}


def test_no_file_of_a_run_holds_a_secret_in_plain(tmp_path: Path) -> None:
    # State, its history and backups, the engine's own logs and the project files of the run.
    local = LocalStack(ROOT, "prod", tmp_path)
    local.up({"originVerifyGeneration": "2"})
    made = {r.name: str(r.outputs["result"]) for r in local.resources() if r.type.startswith("random:")}
    assert sorted(made) == [
        "secrets-api-key-seed",
        "secrets-origin-verify-value-1",
        "secrets-origin-verify-value-2",
        "site-preview-token",
    ]
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(b"secrets-api-key-seed" in content for content in files.values())
    leaks = [
        (name, path.name)
        for path, content in files.items()
        for name in made
        if made[name].encode() in content
    ]
    assert leaks == []


def copied(folder: Path, *parts: str) -> Path:
    """A copy of the project: its files and these folders."""
    root = folder / "project"
    root.mkdir()
    for name in parts:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*ROOT.glob("Pulumi*.yaml"), *ROOT.glob("requirements*.txt"), ROOT / "__main__.py"):
        shutil.copy(path, root)
    return root


def test_encrypted_values_get_a_placeholder_that_the_program_can_run_with(tmp_path: Path) -> None:
    root = copied(tmp_path, "components", "api_handler", "site", "ops", "tools")
    (root / "adopted").mkdir()
    adopted = adopted_file("website endpoint kept by a referer")
    (root / "adopted" / "web.json").write_text(json.dumps(adopted))
    secret = {"secure": "AAABAFz0example"}
    settings = {
        "adopted:headers": secret,
        "aws:region": "us-east-1",
        "orchestrator:alarmEmail": secret,
        "orchestrator:apiMemoryMb": secret,
        "orchestrator:bedrockModels": [secret],
        "orchestrator:waf": False,
        "vendor:token": secret,
    }
    # JSON is YAML.
    (root / "Pulumi.web.yaml").write_text(json.dumps({"encryptionsalt": "v1:x", "config": settings}))
    done = subprocess.run(
        [sys.executable, "-m", "ops", "preview", "--offline", "--stack", "web", "--json", "plan.json"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    hidden = [
        "adopted:headers",
        "orchestrator:alarmEmail (its default)",
        "orchestrator:apiMemoryMb (its default)",
        "orchestrator:bedrockModels (its default)",
        "vendor:token",
    ]
    shown = " ".join(done.stdout.split())
    assert f"a placeholder stands for: {', '.join(hidden)}." in shown
    assert "/month (" in shown
    assert "no guardrails" not in done.stderr
    plan = json.loads((root / "plan.json").read_text())
    assert plan["encrypted"] == hidden
    assert plan["ok"] is True
    assert any(resource["op"] == "import" for resource in plan["resources"])


def test_a_broken_handler_is_found_at_preview(tmp_path: Path) -> None:
    root = copied(tmp_path, "components", "api_handler", "site")
    (root / "api_handler" / "router_of_the_day.py").write_text("def broken(:\n    pass\n")
    # The copy's components must be the ones imported: the run has a process of its own.
    outcome = plan("dev", {}, offline=True, root=root)
    assert outcome.error is not None
    assert outcome.exit_code == 1
    assert "router_of_the_day.py" in outcome.error.message
    assert "line 1" in outcome.error.message or ":1" in outcome.error.message


def test_an_opened_bucket_fails_the_preview(tmp_path: Path) -> None:
    root = copied(tmp_path, "components", "api_handler", "site", "ops", "tools")
    bucket = root / "components" / "static_site" / "bucket.py"
    source = bucket.read_text()
    assert source.count("restrict_public_buckets=True") == 1
    bucket.write_text(source.replace("restrict_public_buckets=True", "restrict_public_buckets=False"))
    done = subprocess.run(
        [sys.executable, "-m", "ops", "preview", "--offline"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    for name in ("site-bucket", "site-logs"):
        assert f"mandatory bucket-public-access-block: aws:s3/bucket:Bucket::{name}\n" in done.stdout
    assert "public access is not blocked by restrictPublicBuckets" in done.stdout
    assert done.stderr.endswith("error: 2 mandatory guardrail(s) object\n")


def test_wrong_configuration_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["preview", "--offline", "--set", "apiBackend=lamda", "--set", "apiMemoryMb=lots", "--set", "wav=x"]
    )
    assert code == 2
    message = capsys.readouterr().err
    given = "Given with --set for this run: apiBackend, apiMemoryMb, wav."
    for part in ("apiBackend = 'lamda'", "apiMemoryMb = 'lots'", "wav", given):
        assert part in message
    assert "Traceback" not in message


def test_the_program_is_an_ordinary_one() -> None:
    """`pulumi install && pulumi up` of the official CLI needs nothing of ops."""
    import yaml

    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert "main" not in project
    assert (ROOT / "__main__.py").is_file()
    assert (ROOT / "requirements.txt").is_file()
    source = "\n".join(
        path.read_text() for path in [ROOT / "__main__.py", *(ROOT / "components").rglob("*.py")]
    )
    imported = [line for line in source.splitlines() if line.strip().startswith(("from ops", "import ops"))]
    assert imported == []
