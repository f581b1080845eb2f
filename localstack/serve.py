"""Serves the registry in this process once an AWS endpoint is there: API Gateway's part and the upload service on one port."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socket
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.config import Settings, SettingsError
from chalicelib.rbac.model import PrincipalError
from localstack.folder import DataFolder
from localstack.gateway import Gateway
from localstack.launch import UNWANTED, StartError
from localstack.seed import Admin, seed
from localstack.server import Server
from upload_service.app import create_app

SCHEDULES = ("sweep_uploads", "sweep_releases", "sweep_projects", "purge_audit")
"""Functions of `app` that EventBridge calls each hour in the cloud."""
_SWEEP_S = 3600


def prepare(environment: dict[str, str], folder: DataFolder, chosen_password: str | None) -> tuple[Settings, Admin]:
    """Set the environment for the application, and fill an empty emulator. Raises `StartError`."""
    for name in UNWANTED:
        os.environ.pop(name, None)
    os.environ.update(environment)
    os.environ.setdefault("MOORAGE_LOG_LEVEL", "WARNING")
    try:
        settings = Settings.from_environ(os.environ)
    except SettingsError as error:
        raise StartError(f"{error}.") from error
    try:
        return settings, seed(settings, folder, chosen_password)
    except PrincipalError as error:
        raise StartError(f"MOORAGE_ADMIN_PASSWORD cannot be used: {error}.") from error
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        raise StartError(f"The AWS endpoint does not do what the registry needs: {error}") from error


async def sweep_hourly() -> None:
    """Play the schedules that free what abandoned uploads and removed projects hold, finish deletions and keep the audit log."""
    application = importlib.import_module("app")
    while True:
        for sweep in (getattr(application, name) for name in SCHEDULES):
            with contextlib.suppress(Exception):  # a schedule tries again at its next time, and has said what was wrong
                await asyncio.to_thread(sweep, {}, None)
        await asyncio.sleep(_SWEEP_S)


def server(
    settings: Settings, listening: socket.socket, on_ready: Callable[[], None], log: Callable[[str], None] | None
) -> Server:
    """The gateway and the upload service, ready to serve. The application reads its settings from the environment."""
    application = importlib.import_module("app")
    gateway = Gateway(
        application.app,
        authorize=application.authorize,
        uploads=create_app(settings) if settings.upload_url else None,
        public_url=settings.public_url,
        service=settings.service,
        log=log,
    )
    return Server(gateway, [listening], on_ready)
