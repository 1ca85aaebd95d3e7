"""The first start of an instance and of a NAT instance, run for real under a temporary root.

The scripts run whole, with their absolute paths moved under the root and with stand-ins for what changes
the machine: dnf "installs" files, systemctl and nft write down what they are told.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.orchestrator_api import egress, instance_setup

SCRIPTS = Path(instance_setup.__file__).with_name("userdata")
UNIT = SCRIPTS / "api@.service"

DNF = """#!/bin/bash
lacks() {{ case " ${{DNF_LACKS:-}} " in *" $1 "*) echo "No match for argument: $1" >&2 ;; *) false ;; esac; }}
if [ "$1 $2" = "-qC list" ]; then ! lacks "$3"; exit; fi
echo "$*" >>{root}/dnf
case " ${{DNF_FAILS:-}} " in *" $(wc -l <{root}/dnf) "* | *all*) exit 1 ;; esac
agent={root}/opt/aws/amazon-cloudwatch-agent
timer={root}/usr/lib/systemd/system/logrotate.timer
for package in "$@"; do
  if lacks "$package"; then exit 1; fi
  case "$package" in
    python3.*) printf '#!/bin/sh\\necho "$0"\\n' >{root}/usr/bin/$package; chmod +x {root}/usr/bin/$package ;;
    logrotate) printf '[Timer]\\nOnCalendar=daily\\nRandomizedDelaySec=1h\\n' >$timer ;;
    amazon-cloudwatch-agent)
      mkdir -p $agent/etc $agent/bin
      printf '#!/bin/sh\\necho "$*" >>{root}/agent\\n' >$agent/bin/amazon-cloudwatch-agent-ctl
      chmod +x $agent/bin/amazon-cloudwatch-agent-ctl ;;
  esac
done
"""
"""``DNF_FAILS``: numbers of the installations that fail, or ``all``; ``DNF_LACKS``: packages it has not."""

FOLDERS = ("etc/systemd/system", "etc/logrotate.d", "etc/sysctl.d", "etc/sysconfig", "opt", "usr/bin",
           "usr/lib/systemd/system", "usr/local/bin", "usr/local/sbin", "var/lib", "var/log")  # fmt: skip


@dataclass
class Machine:
    """A fresh machine under a temporary root."""

    root: Path

    def boot(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the script of the first start, as cloud-init does."""
        for folder in FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        commands = self.root / "commands"
        commands.mkdir(exist_ok=True)
        for name, text in {
            "dnf": DNF.format(root=self.root),
            "systemctl": f'#!/bin/sh\necho "$*" >>{self.root}/systemctl\n',
            "nft": f'#!/bin/sh\necho "$*" >>{self.root}/nft\n',
            "sysctl": f'#!/bin/sh\necho "$*" >>{self.root}/sysctl\n',
            "ip": '#!/bin/sh\necho "default via 10.88.0.1 dev ens5 proto dhcp src 10.88.0.9 metric 512"\n',
            "sleep": f'#!/bin/sh\necho "$*" >>{self.root}/sleep\n',
        }.items():
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)
        path = self.root / "user-data"
        path.write_text(self.moved(script))
        return subprocess.run(
            ["bash", path],
            env={**os.environ, **environment, "PATH": f"{commands}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def moved(self, text: str) -> str:
        """The text with every absolute path under the root."""
        return re.sub(r"(?<![\w./@-])/(?=(?:etc|opt|usr|var)/)", f"{self.root}/", text)

    def read(self, path: str) -> str:
        """A file as it would be on a real machine."""
        return (self.root / path).read_text().replace(f"{self.root}/", "/")

    def told(self, command: str) -> list[str]:
        """What a stand-in was told, one call a line."""
        path = self.root / command
        return self.read(command).splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def instance() -> str:
    return instance_setup.user_data("/orchestrator/dev/api/instance", "orchestrator/dev/instance")


def test_an_instance_is_ready_for_a_release(machine: Machine) -> None:
    done = machine.boot(instance())
    assert done.returncode == 0, done.stderr
    assert machine.read("etc/systemd/system/api@.service") == UNIT.read_text()
    assert machine.read("usr/local/sbin/api-front") == (SCRIPTS / "front.sh").read_text()
    assert os.access(machine.root / "usr/local/sbin/api-front", os.X_OK)
    assert (machine.root / "usr/local/bin/api-python").readlink() == machine.root / "usr/bin/python3.13"
    for folder in ("opt/api/releases", "opt/api/slots", "var/lib/api"):
        assert (machine.root / folder).is_dir(), folder
    assert (machine.root / "var/log/api").stat().st_mode & 0o777 == 0o750
    assert "OnCalendar=hourly\n" in machine.read("usr/lib/systemd/system/logrotate.timer")
    assert machine.read("etc/logrotate.d/api").startswith("/var/log/api/*.log {")
    assert machine.told("systemctl") == [
        "daemon-reload",
        "enable --now api-front.service security-updates.timer logrotate.timer",
        "disable --now sshd.service",
    ]
    assert machine.told("agent") == [
        "-a fetch-config -m ec2 -s -c file:/opt/aws/amazon-cloudwatch-agent/etc/api.json"
    ]
    config = json.loads(machine.read("opt/aws/amazon-cloudwatch-agent/etc/api.json"))
    assert config == instance_setup.agent_config(
        "/orchestrator/dev/api/instance", "orchestrator/dev/instance"
    )
    assert machine.told("sleep") == []


def test_packages_that_do_not_come_at_once_are_asked_for_again(machine: Machine) -> None:
    done = machine.boot(instance(), DNF_FAILS="1 2 3")
    assert done.returncode == 0, done.stderr
    assert machine.told("sleep") == ["1", "2", "3"]
    assert (machine.root / "usr/local/bin/api-python").readlink().name == "python3.13"


def test_a_repository_that_fails_a_moment_does_not_cost_the_byte_code(machine: Machine) -> None:
    """It fails where Python is fetched; another one would run the artifact from its sources for ever."""
    done = machine.boot(instance(), DNF_FAILS="2 3")
    assert done.returncode == 0, done.stderr
    assert (machine.root / "usr/local/bin/api-python").readlink().name == "python3.13"
    assert [call.split()[-1] for call in machine.told("dnf")[1:]] == ["python3.13"] * 3


@pytest.mark.parametrize(
    ("lacks", "found"),
    [("python3.13", "python3.14"), ("python3.13 python3.14", "python3.12")],
)
def test_another_python_takes_the_place_of_one_that_is_not_there(
    machine: Machine, lacks: str, found: str
) -> None:
    done = machine.boot(instance(), DNF_LACKS=lacks)
    assert done.returncode == 0, done.stderr
    assert (machine.root / "usr/local/bin/api-python").readlink().name == found


@pytest.mark.parametrize(
    "trouble",
    [{"DNF_FAILS": "all"}, {"DNF_LACKS": "python3.13 python3.14 python3.12 python3.11"}],
    ids=["no repository", "no python"],
)
def test_what_cannot_be_prepared_is_not_started(machine: Machine, trouble: dict[str, str]) -> None:
    """The release that follows fails then, which is told; nothing half-ready pretends to run."""
    done = machine.boot(instance(), **trouble)
    assert done.returncode != 0
    assert machine.told("systemctl") == []


def test_a_nat_instance_forwards_what_comes_from_the_vpc(machine: Machine) -> None:
    done = machine.boot(egress.nat_script(), DNF_FAILS="1 2")
    assert done.returncode == 0, done.stderr
    assert machine.read("etc/sysctl.d/90-nat.conf") == "net.ipv4.ip_forward = 1\n"
    assert machine.told("sysctl") == ["--system"]
    rules = machine.read("etc/sysconfig/nftables.conf")
    assert f'oifname "ens5" ip saddr {egress.CIDR} masquerade' in rules
    assert rules.startswith("flush ruleset\n")
    assert machine.told("nft") == ["-f /etc/sysconfig/nftables.conf"]
    assert machine.told("systemctl") == [
        "enable --now nftables",
        "daemon-reload",
        "enable --now security-updates.timer",
    ]


def test_a_nat_instance_without_a_repository_says_so(machine: Machine) -> None:
    done = machine.boot(egress.nat_script(), DNF_FAILS="all")
    assert done.returncode != 0
    assert len(machine.told("dnf")) == 10
    assert machine.told("nft") == []


def test_units_are_what_systemd_takes(machine: Machine) -> None:
    """Every unit the script writes, read by systemd itself where it is installed."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    machine.boot(instance())
    folder = machine.root / "etc/systemd/system"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "api-front.service",
        "api@.service",
        "security-updates.service",
        "security-updates.timer",
    ]
    for name in names:
        (folder / name).write_text((folder / name).read_text().replace(f"{machine.root}/", "/"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", *(folder / name.replace("@.", "@8081.") for name in names)],
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in wrong if "api" in line or "security-updates" in line] == []


def test_the_python_of_the_tests_is_not_the_machines(machine: Machine) -> None:
    """Guards the tests themselves: no real command of this machine was changed or run as root."""
    machine.boot(instance())
    assert sys.executable not in machine.read("user-data")
    outside = re.findall(r"(?<![\w./@-])/(?:etc|opt|usr|var)/\S*", (machine.root / "user-data").read_text())
    assert outside == []
