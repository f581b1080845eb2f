"""Signature Version 4 in the query string, with the signing key cached: a URL costs microseconds, not a boto3 call.

Source: AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import quote, urlsplit

from chalicelib.config import Settings

_ALGORITHM = "AWS4-HMAC-SHA256"
_EXPIRES_MAX_S = 7 * 24 * 3600


class Frozen(Protocol):
    """Credentials at one moment."""

    @property
    def access_key(self) -> str:
        """Name of the key."""

    @property
    def secret_key(self) -> str:
        """What signs."""

    @property
    def token(self) -> str | None:
        """Session token of temporary credentials."""


class Credentials(Protocol):
    """Credentials that renew themselves."""

    def get_frozen_credentials(self) -> Frozen:
        """Return what is valid now, renewed if need be."""


class CredentialsMissing(RuntimeError):
    """The AWS SDK's credential chain found nothing."""


class Address(NamedTuple):
    """Where a bucket is served: scheme, host with port if it is unusual, and the path before a key."""

    scheme: str
    host: str
    path: str


def bucket_address(bucket: str, region: str, endpoint_url: str) -> Address:
    """Path style below an endpoint URL; on AWS the bucket's own host, unless dots in its name break the certificate."""
    if endpoint_url:
        parts = urlsplit(endpoint_url)
        host = parts.netloc.removesuffix(":443" if parts.scheme == "https" else ":80")  # as clients write the Host header
        return Address(parts.scheme, host, f"{parts.path.rstrip('/')}/{bucket}")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    if "." in bucket:
        return Address("https", f"s3.{region}.{suffix}", f"/{bucket}")
    return Address("https", f"{bucket}.s3.{region}.{suffix}", "")


class _Given(NamedTuple):
    """Credentials of the environment, which a Lambda function keeps for its life."""

    access_key: str
    secret_key: str
    token: str | None

    def get_frozen_credentials(self) -> Frozen:
        """Return themselves."""
        return self


def sdk_credentials(settings: Settings) -> Credentials:
    """Find the process's credentials as every AWS SDK does: the environment's first (without loading botocore, a quarter of a
    second of a cold start), else botocore's chain. Raises CredentialsMissing."""
    if settings.access_key and settings.secret_key:
        return _Given(settings.access_key, settings.secret_key, settings.session_token or None)
    import botocore.session  # noqa: PLC0415 - see above

    found = cast("Credentials | None", botocore.session.get_session().get_credentials())
    if found is None:
        raise CredentialsMissing(
            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the task a role"
        )
    return found


class Presigner:
    """Signs URLs of one bucket at one address. Safe under threads."""

    def __init__(self, address: Address, region: str, credentials: Credentials) -> None:
        self.address = address
        self._region, self._credentials = region, credentials
        self._key: tuple[tuple[str, str], bytes] = (("", ""), b"")
        self._time: tuple[int, str] = (0, "")

    def target(
        self,
        method: str,
        key: str,
        *,
        now: int,
        expires_s: int,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = {},
    ) -> str:
        """Sign a request and return its path and query. `headers` (lower-case) must then be sent as given. The URL lives no
        longer than the credentials: temporary ones shorten it."""
        credentials = self._credentials.get_frozen_credentials()
        expires_s = max(1, min(expires_s, _EXPIRES_MAX_S, _remaining_s(self._credentials, now)))
        stamp = self._stamp(now)
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        names = ";".join(sorted(["host", *headers]))
        fields = [
            ("X-Amz-Algorithm", _ALGORITHM),
            ("X-Amz-Credential", f"{credentials.access_key}/{scope}"),
            ("X-Amz-Date", stamp),
            ("X-Amz-Expires", str(expires_s)),
            ("X-Amz-SignedHeaders", names),
            *query,
        ]
        if credentials.token:
            fields.append(("X-Amz-Security-Token", credentials.token))
        canonical_query = "&".join(sorted(f"{_escape(name)}={_escape(value)}" for name, value in fields))
        path = f"{self.address.path}/{quote(key, safe='/-_.~')}" if key else self.address.path or "/"
        lines = "".join(f"{name}:{value}\n" for name, value in sorted({"host": self.address.host, **headers}.items()))
        request = f"{method}\n{path}\n{canonical_query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(credentials.secret_key, stamp[:8]), text.encode(), "sha256").hex()
        return f"{path}?{canonical_query}&X-Amz-Signature={signature}"

    def url(self, method: str, key: str, *, now: int, expires_s: int) -> str:
        """Sign a URL that anybody may use until it expires, for one method."""
        target = self.target(method, key, now=now, expires_s=expires_s)
        return f"{self.address.scheme}://{self.address.host}{target}"

    def _stamp(self, now: int) -> str:
        at, stamp = self._time
        if at != now:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
            self._time = (now, stamp)
        return stamp

    def _signing_key(self, secret: str, day: str) -> bytes:
        known, key = self._key
        if known != (secret, day):
            key = f"AWS4{secret}".encode()
            for word in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            self._key = ((secret, day), key)
        return key


def _escape(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote(text, safe="-_.~")


def _remaining_s(credentials: Any, now: int) -> int:
    """Seconds that temporary credentials still live; botocore keeps the moment on its refreshable ones only."""
    expiry = getattr(credentials, "_expiry_time", None)
    return _EXPIRES_MAX_S if expiry is None else int(expiry.timestamp()) - now
