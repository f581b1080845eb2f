"""uvicorn as both processes of the local stack run it: quiet, on sockets that are open already, stopped in order by signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence

import uvicorn

from localstack.asgi import App

_KEEP_ALIVE_S = 75
"""As the upload service does. After uvicorn's 5 s a busy client often takes a connection that is just being closed."""


class Server(uvicorn.Server):
    """A server that says when it serves. The first signal lets requests finish, the second one does not."""

    def __init__(self, app: App, sockets: Sequence[socket.socket], on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="error",
                access_log=False,
                lifespan="on",
                server_header=False,
                date_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=5,
            )
        )
        self._sockets = list(sockets)
        self._on_ready = on_ready

    def serve_until_stopped(self, *beside: Callable[[], Awaitable[None]]) -> None:
        """Serve, with some tasks beside, until `should_exit` is set or a signal comes."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self._serve_beside(beside))

    def stop(self) -> None:
        """Begin to stop; a second call hurries."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def _serve_beside(self, beside: Sequence[Callable[[], Awaitable[None]]]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        tasks = [asyncio.ensure_future(task()) for task in beside]
        await self.serve(sockets=self._sockets)
        for task in tasks:
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Keep uvicorn's own handling away: it would raise the signal again and so end us before we have cleaned up."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()
