"""Runs the editor's server on this machine until Ctrl-C."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from layoutgen.design.access import Access
from layoutgen.design.server import application
from layoutgen.design.session import Session
from layoutgen.errors import InvalidOption

_LOOPBACK = "127.0.0.1"


def serve(session: Session, port: int, ready: Callable[[str], None], warn: Callable[[str], None]) -> None:
    """Serve `session` until Ctrl-C; a first one is answered by a warning while changes are not saved.

    Args:
        port: 0: a free one.
        ready: is told the address once the server answers.
        warn: is told what would be lost.

    Raises:
        InvalidOption: the port is taken.
    """
    with _listening(port) as listener:
        access = Access.new(listener.getsockname()[1])
        config = uvicorn.Config(
            application(session, access),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        # Ctrl-C is how one ends it; uvicorn raises it again once all is closed.
        with suppress(KeyboardInterrupt):
            _Server(config, session, warn).run(sockets=[_announcing(listener, access, ready)])


def _announcing(listener: socket.socket, access: Access, ready: Callable[[str], None]) -> socket.socket:
    listener.listen(128)  # who comes from now on is answered
    ready(access.url)
    return listener


def _listening(port: int) -> socket.socket:
    """A socket on loopback: nobody outside this machine can reach it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_LOOPBACK, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise InvalidOption(f"port {port} cannot be used: {error}; choose another, or none") from error
    return listener


class _Server(uvicorn.Server):
    """Uvicorn's, which asks once before changes are lost and stops a picture that is being painted."""

    def __init__(self, config: uvicorn.Config, session: Session, warn: Callable[[str], None]) -> None:
        super().__init__(config)
        self._session, self._warn, self._warned = session, warn, False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn; called when a signal comes."""
        if self._session.unsaved and not self._warned:
            self._warned = True
            self._warn(
                "changes in the browser are not saved: save them there, or press Ctrl-C again to lose them"
            )
            return
        self._session.painter.cancel()
        # What is still being answered is cut off, which is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)
