"""`python -m upload_service`: the service alone, on MOORAGE_UPLOAD_HOST and MOORAGE_UPLOAD_PORT."""

from __future__ import annotations

import os

import uvicorn

from chalicelib.config import Settings
from upload_service.app import create_app
from upload_service.protocol import BodyProtocol

_KEEP_ALIVE_S = 75
"""Longer than a load balancer keeps an idle connection (ALB: 60 s), which would else pick one that is just being closed."""


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
        timeout_graceful_shutdown=30,
    )


if __name__ == "__main__":
    main()
