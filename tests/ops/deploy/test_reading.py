"""Reading the site in a second process gives what reading it here gives, and ends with the run."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.deploy.hashing import MAPPED, _pieces
from ops.deploy.options import Options
from ops.deploy.reading import read_site
from ops.deploy.shared_work import MOST_PIECES
from ops.deploy.tree import SiteFile
from tests.ops.deploy.aws_server import AwsServer
from tests.ops.deploy.conftest import RELEASE, ROOT, live_release, start, write

SCRIPT = """
import json, os, sys
from ops.deploy import reading
from ops.deploy.options import Options
assert reading._may_fork()
reader = reading.SiteReader(Options(command="deploy", directory=sys.argv[1]))
assert reader._child
site = reader.result()
print(json.dumps([site.release, [[f.path, f.sha256, f.size, f.hashed] for f in site.tree.files],
                  site.tree.problems, site.tree.remarks, site.tree.left_out, reader.names(),
                  {f.path: f.md5 for f in site.tree.files}]))
other = reading.SiteReader(Options(command="deploy", directory=sys.argv[1]))
child = other._child
other.close()
try:
    os.kill(child, 0)
except ProcessLookupError:
    sys.exit(0)
sys.exit("the second process is still there")
"""


@pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs fork and two cores"
)
@pytest.mark.parametrize("clean", [True, False])
def test_both_ways_give_the_same(site: Path, clean: bool):
    write(site, "ä ü/€\u2028.html", "x")
    write(site, os.fsdecode(b"left\xff.bak"), "x")
    write(site, "deploy.toml", "[headers.'*.pdf']\nCache-Control = 'no-store'\n")
    for number in range(300):  # enough for several processes
        write(site, f"many/{number:03}.html", str(number) * 10)
    write(site, "large.bin", b"0" * MAPPED)
    if not clean:
        write(site, os.fsdecode(b"bad\xff.html"), "x")
        write(site, "k.pem", "-----BEGIN PRIVATE KEY-----")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(site)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    here = read_site(Options(command="deploy", directory=str(site)))
    files = [[f.path, f.sha256, f.size, f.hashed] for f in here.tree.files]
    tree = here.tree
    *found, names, digests = json.loads(done.stdout)
    assert found == [here.release, files, tree.problems, tree.remarks, tree.left_out]
    assert names == json.loads(json.dumps(tree.names))
    assert digests.pop("large.bin") == ""
    assert digests == {path: _md5(site / path) for path in digests}
    assert bool(here.release) is clean


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def test_a_reader_that_is_killed(site: Path):
    # It must not be done before it is killed.
    script = "import time\n" + SCRIPT.partition("site = reader")[0].replace(
        "reader = ", "reading.read_all = lambda *_, **__: time.sleep(60)\nreader = "
    )
    script += (
        "import signal\n"
        "os.kill(reader._child, signal.SIGKILL)\n"
        "try:\n    reader.result()\nexcept Exception as failure:\n    print(failure)\n"
        "print(reader.names())\nreader.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(site)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reading the site ended early; run again\nNames(")


def test_every_file_is_in_one_piece_and_pieces_fit_the_pipe():
    for sizes in ([1] * 70_000, [5 << 20] * 900, [0], [], [10, 3 << 20, 10], [1 << 30] * 3 + [1] * 40_000):
        files = [SiteFile(str(n), "", size, (size, 0, 0, 0, 0), False) for n, size in enumerate(sizes)]
        pieces = _pieces(files)
        assert [n for first, after in pieces for n in range(first, after)] == list(range(len(sizes)))
        assert len(pieces) <= MOST_PIECES


def test_no_credentials_while_it_reads(aws: AwsServer, site: Path, tmp_path: Path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    process = start(aws, tmp_path / "log", "deploy", site, *RELEASE, "--yes")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "there are no AWS credentials" in err
    assert "Traceback" not in err


def test_a_config_that_cannot_be_read(aws: AwsServer, site: Path, tmp_path: Path):
    write(site, "deploy.toml", b"\xff\xfe")
    process = start(aws, tmp_path / "log", "deploy", site, *RELEASE, "--yes")
    _, err = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert "Traceback" not in err
    assert live_release(aws.world) == ""
