"""How many uploads there is room for under the limit of open files that a shell gives."""

import subprocess
import sys

import pytest

from ops.deploy.options import GROWN

TOLD = (
    "import resource; from ops.deploy.open_files import room; "
    "print(room({wanted}), *resource.getrlimit(resource.RLIMIT_NOFILE))"
)


def under(limits: str, code: str) -> str:
    """What Python prints below a shell with these limits."""
    command = f'{limits} && exec "$0" -c "$1"'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("limits", "wanted", "told"),
    [
        # macOS gives 256 of its own accord, and more to whoever asks.
        ("ulimit -Sn 256 && ulimit -Hn 600", 256, "256 576 600"),
        ("ulimit -Sn 580 && ulimit -Hn 600", 256, "256 580 600"),
        ("ulimit -n 256", 256, "96 256 256"),
        ("ulimit -n 60", 256, "1 60 60"),
    ],
)
def test_room(limits: str, wanted: int, told: str):
    assert under(limits, TOLD.format(wanted=wanted)) == told


@pytest.mark.parametrize(("most", "start", "limit"), [(600, 64, GROWN), (256, 64, 96), (100, 18, 18)])
def test_uploads_by_default(most: int, start: int, limit: int):
    code = (
        "from ops.deploy.options import Options; g = Options(command='deploy').threads(lambda: True); "
        "print(g.start, g.limit)"
    )
    assert under(f"ulimit -n {most}", code) == f"{start} {limit}"


def test_more_uploads_than_there_is_room_for_are_refused():
    code = (
        "from ops.deploy.options import Options, _problems; "
        "print(*_problems(Options(command='releases', bucket='site-bucket', concurrency={asked})), sep='; ')"
    )
    assert under("ulimit -n 256", code.format(asked=96)) == ""
    assert under("ulimit -n 256", code.format(asked=97)) == (
        "--concurrency 97 needs more open files than this system allows (`ulimit -Hn`): 96 at most"
    )
