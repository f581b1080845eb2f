"""Settings: the only reader of the environment, checked once at start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting is missing or makes no sense; the message names the variable and what to write there."""


@dataclass(frozen=True)
class Settings:
    """Everything a process must know before its first request. Durations are seconds."""

    table: str = "moorage"
    bucket: str = "moorage"
    public_url: str = "http://127.0.0.1:5000"
    console_url: str = ""
    upload_url: str | None = "http://127.0.0.1:5000"
    s3_public_url: str = ""
    s3_endpoint_url: str = ""
    dynamodb_endpoint_url: str = ""
    secrets_endpoint_url: str = ""
    region: str = "us-east-1"
    service: str = "moorage"
    token_keys_secret: str = "moorage/token-keys"  # noqa: S105 - the secret's name
    registry_keys_secret: str = "moorage/registry-keys"  # noqa: S105 - the secret's name
    identity_secret: str = "moorage/identity"  # noqa: S105 - the secret's name
    admin_secret: str = "moorage/admin-password"  # noqa: S105 - the secret's name
    scan_jobs_url: str = ""
    sqs_endpoint_url: str = ""
    serves_registry: bool = False
    proxies: int = 0
    token_s: int = 900
    download_url_s: int = 1200
    upload_s: int = 12 * 3600
    create_project_on_push: bool = True
    upload_host: str = "127.0.0.1"
    upload_port: int = 8080
    upload_memory_bytes: int = 160 * 1024 * 1024
    log_level: str = "INFO"
    metrics: bool = False
    tracing: bool = False
    duty: str = ""
    xray_daemon: str = "127.0.0.1:2000"
    upstream_reach: str = "public"
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    @property
    def management_url(self) -> str:
        """Where the token service, the management API and the pages are: an API Gateway without a domain has two hosts."""
        return self.console_url or self.public_url

    @property
    def realm(self) -> str:
        """The token service's address, as the challenge names it."""
        return f"{self.management_url}/service/token"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check the settings. Raises `SettingsError` naming the variable at fault."""
        public_url = _url(environ, "MOORAGE_PUBLIC_URL", cls.public_url)
        upload = environ.get("MOORAGE_UPLOAD_URL", "") or public_url
        endpoint = environ.get("AWS_ENDPOINT_URL", "")
        s3_endpoint = environ.get("AWS_ENDPOINT_URL_S3", endpoint)
        return cls(
            table=environ.get("MOORAGE_TABLE", cls.table),
            bucket=environ.get("MOORAGE_BUCKET", cls.bucket),
            public_url=public_url,
            console_url=_url(environ, "MOORAGE_CONSOLE_URL", cls.console_url),
            upload_url=None if upload == "off" else _url({"MOORAGE_UPLOAD_URL": upload}, "MOORAGE_UPLOAD_URL", ""),
            s3_public_url=_url(environ, "MOORAGE_S3_PUBLIC_URL", s3_endpoint),
            s3_endpoint_url=s3_endpoint,
            dynamodb_endpoint_url=environ.get("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
            secrets_endpoint_url=environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint),
            sqs_endpoint_url=environ.get("AWS_ENDPOINT_URL_SQS", endpoint),
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or cls.region,
            service=environ.get("MOORAGE_SERVICE", cls.service),
            token_keys_secret=environ.get("MOORAGE_TOKEN_KEYS_SECRET", cls.token_keys_secret),
            registry_keys_secret=environ.get("MOORAGE_REGISTRY_KEYS_SECRET", cls.registry_keys_secret),
            identity_secret=environ.get("MOORAGE_IDENTITY_SECRET", cls.identity_secret),
            admin_secret=environ.get("MOORAGE_ADMIN_SECRET", cls.admin_secret),
            scan_jobs_url=_url(environ, "MOORAGE_SCAN_JOBS_URL", cls.scan_jobs_url),
            serves_registry=environ.get("MOORAGE_SERVE_REGISTRY", "off") == "on",
            proxies=_number(environ, "MOORAGE_PROXIES", cls.proxies, at_least=0, at_most=5),
            token_s=_number(environ, "MOORAGE_TOKEN_SECONDS", cls.token_s, at_least=60, at_most=3600),
            download_url_s=_number(environ, "MOORAGE_DOWNLOAD_SECONDS", cls.download_url_s, at_least=60, at_most=43200),
            upload_s=_number(environ, "MOORAGE_UPLOAD_SECONDS", cls.upload_s, at_least=600, at_most=7 * 86400),
            create_project_on_push=environ.get("MOORAGE_CREATE_PROJECT_ON_PUSH", "on") != "off",
            upload_host=environ.get("MOORAGE_UPLOAD_HOST", cls.upload_host),
            upload_port=_number(environ, "MOORAGE_UPLOAD_PORT", cls.upload_port, at_least=0, at_most=65535),
            upload_memory_bytes=1024 * 1024 * _number(environ, "MOORAGE_UPLOAD_MEMORY_MB", 160, at_least=48, at_most=65536),
            access_key=environ.get("AWS_ACCESS_KEY_ID", ""),
            secret_key=environ.get("AWS_SECRET_ACCESS_KEY", ""),
            session_token=environ.get("AWS_SESSION_TOKEN", ""),
            log_level=environ.get("MOORAGE_LOG_LEVEL", cls.log_level).upper(),
            metrics=_one_of(environ, "MOORAGE_METRICS", "off", ("on", "off")) == "on",
            tracing=_one_of(environ, "MOORAGE_TRACING", "off", ("on", "off")) == "on",
            duty=environ.get("MOORAGE_DUTY", cls.duty),
            xray_daemon=environ.get("AWS_XRAY_DAEMON_ADDRESS", "") or cls.xray_daemon,
            upstream_reach=_one_of(environ, "MOORAGE_UPSTREAM_REACH", cls.upstream_reach, ("public", "private", "local")),
        )


def _url(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name, "") or default
    if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
        raise SettingsError(f"{name} must be an http or https address such as https://registry.example.com, not {value!r}")
    return value.rstrip("/")


def _one_of(environ: Mapping[str, str], name: str, default: str, known: Sequence[str]) -> str:
    value = environ.get(name, "") or default
    if value not in known:
        raise SettingsError(f"{name} must be one of {', '.join(known)}, not {value!r}")
    return value


def _number(environ: Mapping[str, str], name: str, default: int, *, at_least: int, at_most: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not at_least <= int(text) <= at_most:
        raise SettingsError(f"{name} must be a whole number from {at_least} to {at_most}, not {text!r}")
    return int(text)
