"""Calls of botocore that another thread can end at once.

A thread that waits for a silent server is woken neither by a flag nor by
closing the response; shutting its socket down wakes it, before the answer's
headers as well as in the middle of the stream, and the server sees it too.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

_local = threading.local()


class Aborted(BaseException):
    """The call was ended from outside.

    Not an ``Exception``: botocore would wrap one into a connection error and try again.
    """


class Abort:
    """Ends one call, whatever it is waiting for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: _Abortable | None = None
        self.aborted = False

    def abort(self) -> None:
        """End the call; at once, from any thread, any number of times."""
        with self._lock:
            self.aborted = True
            connection, self._connection = self._connection, None
            if connection is not None and connection.sock is not None:
                # The plain method: SSLSocket's own would take the TLS state from under the reader.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def release(self) -> None:
        """The call is complete: its connection may serve another one."""
        with self._lock:
            self._connection = None

    def attach(self, connection: _Abortable) -> None:
        """Take a connection over for this call, from the call that used it before."""
        previous = connection.owner
        if previous is not None and previous is not self:
            previous.detach(connection)
        with self._lock:
            if self.aborted:
                raise Aborted
            self._connection = connection
            connection.owner = self

    def detach(self, connection: _Abortable) -> None:
        """Let a connection go that another call uses now."""
        with self._lock:
            if self._connection is connection:
                self._connection = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Attach every connection that this thread uses within the context."""
        _local.abort = self
        try:
            yield
        finally:
            _local.abort = None


class _Abortable:
    """Mixin for connections: tells the running call which socket it waits on."""

    sock: Any
    owner: Abort | None = None

    def request(self, *args: Any, **kwargs: Any) -> Any:
        if self.sock is not None:
            self._attach()
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def connect(self) -> Any:
        abort: Abort | None = getattr(_local, "abort", None)
        if abort is not None and abort.aborted:
            # botocore tries again after the connection broke: not for a call that was ended.
            raise Aborted
        result = super().connect()  # type: ignore[misc]
        self._attach()
        return result

    def _attach(self) -> None:
        abort: Abort | None = getattr(_local, "abort", None)
        if abort is not None:
            abort.attach(self)


class _Plain(_Abortable, AWSHTTPConnection):
    pass


class _Secure(_Abortable, AWSHTTPSConnection):
    pass


class _PlainPool(AWSHTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(AWSHTTPSConnectionPool):
    ConnectionCls = _Secure


def make_abortable(client: Any) -> None:
    """Let a botocore client use connections that ``Abort`` can end.

    Raises:
        AttributeError: botocore keeps its pools elsewhere now; a test holds the pinned version to this.
    """
    http: Any = client._endpoint.http_session
    pools = {"http": _PlainPool, "https": _SecurePool}
    http._pool_classes_by_scheme = pools
    http._manager.pool_classes_by_scheme = pools
