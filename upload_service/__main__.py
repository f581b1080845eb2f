"""`python -m upload_service`: the service alone, on MOORAGE_UPLOAD_HOST and MOORAGE_UPLOAD_PORT."""

from __future__ import annotations

import os

import uvicorn

from chalicelib.config import Settings
from upload_service.app import create_app
from upload_service.protocol import BodyProtocol

_KEEP_ALIVE_S = 660
"""Longer than the load balancer keeps an idle connection (600 s, infra/terraform/load_balancer.tf), which would else pick one
that is just being closed. The balancer waits for so long because a large layer may have to be read again before its answer."""
_SHUTDOWN_S = 110
"""For requests under way. Fargate grants 120 s after SIGTERM at most."""


def main() -> None:
    """Serve until a signal."""
    settings = Settings.from_environ(os.environ)
    uvicorn.run(
        create_app(settings),
        host=settings.upload_host,
        port=settings.upload_port,
        http=BodyProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )


if __name__ == "__main__":
    main()
