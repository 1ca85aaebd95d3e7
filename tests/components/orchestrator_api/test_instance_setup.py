"""What an instance gets: scripts that parse, a hardened unit, a document that carries the program whole."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from components.orchestrator_api import egress, instance_setup, task

SCRIPTS = Path(instance_setup.__file__).with_name("userdata")


@pytest.mark.parametrize("name", ["instance.sh", "nat.sh", "front.sh"])
def test_the_scripts_parse(name: str):
    text = (SCRIPTS / name).read_text()
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "set -euo pipefail" in text


def test_the_user_data_is_whole_and_fits():
    text = instance_setup.user_data("/orchestrator/dev/api/instance", "orchestrator/dev/instance")
    assert re.findall(r"@[A-Z]+@", text) == []
    assert text.startswith("#!/bin/bash\n")
    assert len(text.encode()) < instance_setup.USER_DATA_LIMIT / 2
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    config = json.loads(text.split("<<'AGENT'\n")[1].split("\nAGENT\n")[0])
    assert config["metrics"]["namespace"] == "orchestrator/dev/instance"
    (file,) = config["logs"]["logs_collected"]["files"]["collect_list"]
    assert file == {
        "file_path": "/var/log/api/api.log",
        "log_group_name": "/orchestrator/dev/api/instance",
        "log_stream_name": "{instance_id}",
    }
    assert config["metrics"]["aggregation_dimensions"] == [["InstanceId"]]


def test_user_data_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="EC2 takes 16384"):
        instance_setup.user_data("/x" * 9000, "y")


def test_the_unit_is_hardened(tmp_path: Path):
    unit = (SCRIPTS / "api@.service").read_text()
    assert "append:/var/log/api/api.log" in unit
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    path = tmp_path / "api@8081.service"
    path.write_text(unit)
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", "--threshold=20", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    overall = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    assert overall, done.stdout + done.stderr
    assert float(overall[1]) <= 2.0  # "OK" begins at 4, "EXPOSED" at 7


def test_the_program_runs_under_the_systems_own_python():
    ast.parse(instance_setup.release_program(), feature_version=(3, 9))
    ast.parse(task.bootstrap(), feature_version=(3, 9))


def test_the_document_carries_the_program_unharmed():
    document = instance_setup.release_document()
    (step,) = document["mainSteps"]
    script = "\n".join(step["inputs"]["runCommand"])
    program = script.split("<<'PROGRAM'\n")[1].split("\nPROGRAM\n")[0]
    assert program == instance_setup.release_program().rstrip()
    # Systems Manager replaces {{ name }} anywhere in the text: only the parameters may look like that.
    assert set(re.findall(r"\{\{\s*(\w+)\s*\}\}", script)) == set(document["parameters"])
    assert "{{" not in program
    assert len(json.dumps(document)) < 64 * 1024
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("bucket", "api-artifacts-1a2b3c4", "b'; reboot; '"),
        ("key", f"api/{'0' * 64}.zip", "api/../x.zip"),
        ("sha256", "a" * 64, "A" * 64),
        ("size", "3000000", "3e6"),
        ("region", "eu-central-1", "$(id)"),
        ("environment", "eyJhIjogMX0=", "'"),
    ],
)
def test_a_parameter_can_be_nothing_else(name: str, good: str, bad: str):
    pattern = instance_setup.release_document()["parameters"][name]["allowedPattern"]
    assert re.fullmatch(pattern, good)
    assert not re.search(pattern, bad)


def test_the_nat_instance_masquerades_the_vpc():
    text = egress.nat_script()
    assert f"ip saddr {egress.CIDR} masquerade" in text
    assert "@CIDR@" not in text
