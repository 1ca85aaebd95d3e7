"""The API as a child process: the same application that the backends run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ops.errors import OpsError

START_S = 30.0
STOP_S = 3.0
_OWN = ("API_KEYS", "API_KEY_SECRET_ARN", "ORIGIN_VERIFY", "ORIGIN_VERIFY_SECRET_ARN", "TABLE_NAME", "MODEL")


def environment(
    config: Mapping[str, str],
    *,
    api_keys: str,
    origin_verify: str,
    origins: list[str],
    scripted: bool,
    index: Path,
) -> dict[str, str]:
    """The environment of the local API, by the stack's settings.

    Args:
        config: effective settings of the stack.
        api_keys: the seeded keys (JSON), or "".
        origin_verify: what CloudFront sends to prove itself, or "".
        origins: origins from which the public chat may be called.
        scripted: answer without Bedrock.
        index: search index of the site.
    """
    from components.orchestrator_api.environment import PUBLIC_CHAT_CAPS

    made = {key: value for key, value in os.environ.items() if key not in _OWN}
    made["BACKEND"] = "local"
    made["PYTHONUNBUFFERED"] = "1"
    if api_keys:
        made["API_KEYS"] = api_keys
    if origin_verify:
        made["ORIGIN_VERIFY"] = json.dumps([origin_verify])
    if config.get("orchestrator:bedrockModels"):
        made["BEDROCK_MODELS"] = config["orchestrator:bedrockModels"]
    if config.get("orchestrator:publicChat") == "true":
        made["PUBLIC_CHAT"] = json.dumps({**PUBLIC_CHAT_CAPS, "origins": origins})
    if index.is_file():
        made["SITE_INDEX"] = str(index)
    if scripted:
        made["MODEL"] = "scripted"
    return made


class ApiProcess:
    """One process of the API.

    Args:
        root: the project.
        env: its environment, complete.
        tell: told of every line it writes that is worth a look.
    """

    def __init__(self, root: Path, env: Mapping[str, str], tell: Callable[[str], object]) -> None:
        self._root = root
        self._env = env
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._listening: asyncio.Future[str] | None = None
        self._last: list[str] = []

    async def start(self) -> str:
        """Starts it and gives its URL once it listens.

        Raises:
            OpsError: it ended, or did not listen in time; with what it said.
        """
        self._listening = asyncio.get_running_loop().create_future()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api_handler", "--host", "127.0.0.1", "--port", "0",
            cwd=self._root, env=dict(self._env), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C goes to the whole foreground group; this one is stopped by us, in order.
            start_new_session=True, limit=1 << 20,
        )  # fmt: skip
        self._reading = asyncio.ensure_future(self._read())
        try:
            async with asyncio.timeout(START_S):
                return await asyncio.shield(self._listening)
        except TimeoutError:
            await self.stop()
            raise OpsError(f"the API did not listen within {START_S:.0f} s") from None

    async def _read(self) -> None:
        assert self._process
        assert self._process.stdout
        assert self._listening
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            entry = _entry(line)
            if entry.get("event") == "listening" and not self._listening.done():
                self._listening.set_result(str(entry["addresses"][0]))
            elif not entry:
                self._last = [*self._last[-20:], line]
                self._tell(f"API: {line}")
            elif entry.get("level") in ("warning", "error"):
                self._tell(
                    f"API: {entry.get('level')} {entry.get('event')} {entry.get('error', '')}".rstrip()
                )
        code = await self._process.wait()
        if not self._listening.done():
            said = "\n".join(self._last) or f"it ended with code {code}"
            self._listening.set_exception(OpsError(f"the API does not start:\n{said}"))

    async def ended(self) -> int:
        """Waits until it has ended and gives its exit code."""
        assert self._process
        return await self._process.wait()

    async def stop(self) -> None:
        """Ends it: SIGTERM, and after a few seconds SIGKILL."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._reading:
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._listening and self._listening.done():
            self._listening.exception()


def _entry(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
