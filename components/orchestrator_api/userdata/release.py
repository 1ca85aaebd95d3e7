"""Brings one release of the API onto the instance, beside the running one, or leaves all as it was.

Run by Systems Manager, at once when the release or its environment changes and every half hour to
see that all is well. Python 3.9 or newer, standard library only; ``fetch.py`` stands before this text.

Two slots, two ports: the release that answers and the one that starts. Port 8080, where CloudFront
connects, is redirected to one of them by ``api-front``; open connections stay where they are, so a
stream goes on until its answer ends.
"""

import argparse
import base64
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile

SLOTS = (8081, 8082)
HEALTH = "http://127.0.0.1:{port}/api/v1/health"
GROWTH = 5
"""Bytes on disk that a byte of the zip needs, with the zip itself and some air."""


class ReleaseError(Exception):
    """The release was not brought up; what ran before still runs."""


class Instance:
    """The files and services of the instance.

    Args:
        root: ``/``, or another folder in tests.
        slots: the two ports.
        start_timeout_s: seconds a release may take to get healthy.
        settle_s: seconds it must stay healthy after the switch.
        lock_timeout_s: seconds to wait for another deployment.
        pause_s: seconds between two checks.
        reserve: bytes that must stay free.
    """

    def __init__(
        self,
        root,
        slots=SLOTS,
        start_timeout_s=90.0,
        settle_s=10.0,
        lock_timeout_s=600.0,
        pause_s=0.5,
        reserve=200_000_000,
    ):
        self.base = os.path.join(root, "opt/api")
        self.state = os.path.join(root, "var/lib/api")
        self.slots = slots
        self.start_timeout_s = start_timeout_s
        self.settle_s = settle_s
        self.lock_timeout_s = lock_timeout_s
        self.pause_s = pause_s
        self.reserve = reserve
        for folder in (self.state, self.releases, os.path.join(self.base, "slots")):
            os.makedirs(folder, exist_ok=True)

    @property
    def releases(self):
        """Folder of the unpacked releases."""
        return os.path.join(self.base, "releases")

    def slot(self, port):
        """The link that says which release a port runs."""
        return os.path.join(self.base, "slots", str(port))

    def release_of(self, port):
        """The id of the release in a slot, or None."""
        with contextlib.suppress(OSError):
            return os.path.basename(os.readlink(self.slot(port)))
        return None

    def live(self):
        """The port requests go to, or None."""
        try:
            with open(os.path.join(self.state, "live")) as file:
                port = int(file.read())
        except (OSError, ValueError):
            return None
        return port if port in self.slots and self.release_of(port) else None

    @contextlib.contextmanager
    def locked(self):
        """One deployment at a time; the lock goes with the process, whatever ends it."""
        with open(os.path.join(self.state, "lock"), "w") as file:
            deadline = time.monotonic() + self.lock_timeout_s
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise ReleaseError("another deployment is still running") from None
                    time.sleep(self.pause_s)
            yield

    def systemctl(self, *words):
        """Runs systemctl; raises when it fails."""
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ReleaseError(f"systemctl {' '.join(words)}: {done.stderr.strip()[-500:]}")

    def healthy(self, port):
        """Whether the release on a port answers its health route."""
        try:
            with urllib.request.urlopen(HEALTH.format(port=port), timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def gets_healthy(self, port):
        """Waits until three checks in a row succeed; False when they do not in time."""
        deadline = time.monotonic() + self.start_timeout_s
        row = 0
        while time.monotonic() < deadline:
            row = row + 1 if self.healthy(port) else 0
            if row == 3:
                return True
            time.sleep(self.pause_s)
        return False

    def stays_healthy(self, port):
        """Whether it answers to the end of the settling time; one missed check is forgiven."""
        deadline = time.monotonic() + self.settle_s
        missed = 0
        while time.monotonic() < deadline:
            missed = 0 if self.healthy(port) else missed + 1
            if missed == 2:
                return False
            time.sleep(self.pause_s)
        return True

    def start(self, port, release):
        """Starts a release in a slot, and for every boot from now on."""
        link = self.slot(port)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link + ".new")
        os.symlink(os.path.join(self.releases, release), link + ".new")
        os.replace(link + ".new", link)
        self.systemctl("reset-failed", f"api@{port}")
        self.systemctl("enable", f"api@{port}")
        self.systemctl("restart", f"api@{port}")

    def stop(self, port, *, wait):
        """Stops a slot; without ``wait`` it finishes its streams in the background."""
        self.systemctl("disable", f"api@{port}")
        self.systemctl("stop", *(() if wait else ("--no-block",)), f"api@{port}")

    def clear(self, port):
        """Stops a slot and empties it."""
        with contextlib.suppress(ReleaseError):
            self.stop(port, wait=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.slot(port))

    def switch(self, port):
        """Sends new connections to a slot."""
        path = os.path.join(self.state, "live")
        with open(path + ".new", "w") as file:
            file.write(str(port))
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
        self.systemctl("restart", "api-front")


def release_id(sha256, environment):
    """The name of a release: its code and its environment."""
    text = json.dumps(environment, sort_keys=True)
    return f"{sha256[:16]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def environment_file(environment):
    """The text of systemd's EnvironmentFile: single quotes, in which nothing is special."""
    for name, value in environment.items():
        if "'" in value or "\n" in value:
            raise ReleaseError(f"the value of {name} has a quote or a line break")
    return "".join(f"{name}='{environment[name]}'\n" for name in sorted(environment))


def unpack(instance, source, environment):
    """Fetches and unpacks a release that is not there yet; nothing half-done is ever left under its name.

    Args:
        instance: the instance.
        source: bucket, key, sha256, region, size.
        environment: of the process.

    Returns:
        The id of the release.
    """
    name = release_id(source["sha256"], environment)
    target = os.path.join(instance.releases, name)
    if os.path.isdir(target):
        return name
    make_room(instance, source["size"] * GROWTH)
    work = target + ".part"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    try:
        archive = os.path.join(work, "artifact.zip")
        # Defined in fetch.py, which stands before this text.
        fetch(  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
            source["bucket"], source["key"], source["sha256"], archive, source["region"]
        )
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(os.path.join(work, "app"))
        os.unlink(archive)
        with open(os.path.join(work, "env"), "w") as file:
            file.write(environment_file(environment))
        os.replace(work, target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return name


def make_room(instance, needed):
    """Removes what no slot runs when the disk is short; raises when that is not enough."""
    if free(instance) - needed < instance.reserve:
        prune(instance, keep=())
    left = free(instance) - needed
    if left < instance.reserve:
        more = (instance.reserve - left) // 1_000_000 + 1
        raise ReleaseError(f"the disk is full: {more} MB more are needed")


def free(instance):
    """Free bytes on the disk of the releases."""
    return shutil.disk_usage(instance.releases).free


def prune(instance, keep):
    """Removes releases that no slot runs and ``keep`` does not name."""
    used = {instance.release_of(port) for port in instance.slots} | set(keep)
    for name in os.listdir(instance.releases):
        if name not in used:
            shutil.rmtree(os.path.join(instance.releases, name), ignore_errors=True)


def previous(instance):
    """The release that was live before the present one, if it is still there."""
    try:
        with open(os.path.join(instance.state, "previous")) as file:
            name = file.read().strip()
    except OSError:
        return None
    return name if name and os.path.isdir(os.path.join(instance.releases, name)) else None


def replace(instance, name):
    """Starts a release in the free slot, checks it, switches, and falls back when it does not hold."""
    old = instance.live()
    port = next(p for p in instance.slots if p != old)
    try:
        instance.start(port, name)
        if not instance.gets_healthy(port):
            raise ReleaseError(f"release {name} did not get healthy in {instance.start_timeout_s:g} s")
        instance.switch(port)
        if old is not None and not instance.stays_healthy(port):
            instance.switch(old)
            raise ReleaseError(f"release {name} fell ill after the switch; the one before answers again")
    except ReleaseError:
        instance.clear(port)
        raise
    if old is not None:
        with open(os.path.join(instance.state, "previous"), "w") as file:
            file.write(instance.release_of(old) or "")
        instance.stop(old, wait=False)


def heal(instance, port, name):
    """The wanted release is live: sees that it answers; restarts it, then goes back to the one before."""
    if instance.healthy(port) or instance.gets_healthy(port):
        other = next(p for p in instance.slots if p != port)
        if instance.release_of(other):
            # Left over when a deployment was cut off after its switch; stopping twice does no harm.
            instance.stop(other, wait=False)
        return f"release {name} answers on port {port}"
    instance.systemctl("restart", f"api@{port}")
    if instance.gets_healthy(port):
        return f"release {name} was restarted on port {port}"
    before = previous(instance)
    if before is None or before == name:
        raise ReleaseError(f"release {name} does not answer, and there is none before it")
    replace(instance, before)
    raise ReleaseError(f"release {name} does not answer; {before}, the one before, answers now")


def deploy(instance, source, environment):
    """Makes the wanted release the one that answers.

    Returns:
        One line about what was done.

    Raises:
        ReleaseError: it was not brought up; what ran before still answers.
    """
    with instance.locked():
        name = release_id(source["sha256"], environment)
        live = instance.live()
        if live is not None and instance.release_of(live) == name:
            return heal(instance, live, name)
        unpack(instance, source, environment)
        replace(instance, name)
        prune(instance, keep=[previous(instance) or ""])
        return f"release {name} answers on port {instance.live()}"


def main(arguments=None):
    """The command line; 0 done, 1 not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bucket", "key", "sha256", "region", "environment"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--root", default="/")
    parser.add_argument("--slots", type=lambda text: tuple(map(int, text.split(","))), default=SLOTS)
    for name in ("start-timeout-s", "settle-s", "lock-timeout-s", "pause-s"):
        parser.add_argument("--" + name, type=float)
    parser.add_argument("--reserve", type=int)
    options = parser.parse_args(arguments)
    times = {
        name: getattr(options, name)
        for name in ("start_timeout_s", "settle_s", "lock_timeout_s", "pause_s", "reserve")
        if getattr(options, name) is not None
    }
    source = {name: getattr(options, name) for name in ("bucket", "key", "sha256", "region", "size")}
    try:
        environment = json.loads(base64.b64decode(options.environment))
        print(deploy(Instance(options.root, options.slots, **times), source, environment), flush=True)
    except (ReleaseError, FetchError, OSError, zipfile.BadZipFile) as failure:  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
        print(f"not deployed: {failure}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
