"""HTTP requests to servers that somebody named in a setting or a policy: bounded in time and size, and only where they may go.

The name is resolved here, every address is judged, and the connection goes to an address that was judged: a name that resolves
to something else a moment later changes nothing. No redirects, no proxies of the environment, no cookies.
Source: OWASP "Server-Side Request Forgery Prevention"; RFC 6890 (special-purpose addresses).
"""

from __future__ import annotations

import base64
import functools
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

CONNECT_S = 3.0
TOTAL_S = 6.0
"""A login waits for two or three requests in a row, and API Gateway for 29 s at most."""
MAX_BYTES = 512 * 1024
_METADATA = (ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200"))
"""Addresses of clouds' metadata services that no range gives away."""


class UpstreamError(Exception):
    """Another server could not be asked, or gave no answer that makes sense. The sentence may be shown to an administrator;
    it holds no body, no query and no credential."""


class Reach(IntEnum):
    """Which addresses may be contacted; each includes those before it."""

    PUBLIC = 0
    PRIVATE = 1
    """Also private networks (RFC 1918, fc00::/7, 100.64.0.0/10), never link-local ones, where clouds keep their credentials."""
    LOCAL = 2
    """Also this machine, and there without TLS: for local runs."""

    @classmethod
    def named(cls, name: str) -> Reach:
        """Read the setting `MOORAGE_UPSTREAM_REACH`."""
        return cls[name.upper()]


class Answer(NamedTuple):
    """What the other server said."""

    status: int
    body: bytes

    def document(self) -> dict[str, Any]:
        """Read the body as a JSON object. Raises UpstreamError."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise UpstreamError("the answer is not JSON") from None
        if not isinstance(value, dict):
            raise UpstreamError("the answer is not a JSON object")
        return value


class Fetch:
    """Sends requests. One connection each: there are a few an hour."""

    def __init__(self, reach: Reach, *, verify_cert: bool = True, total_s: float = TOTAL_S) -> None:
        self._reach, self._verify_cert, self._total_s = reach, verify_cert, total_s

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        """The system's certificate authorities, or those that SSL_CERT_FILE names."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self._verify_cert:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def get(self, url: str, *, bearer: str = "") -> Answer:
        """Send GET, with a token if one is given. Raises UpstreamError."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return self._send("GET", url, headers, None)

    def post(self, url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None) -> Answer:
        """Send a form, with a name and a password if they are given. Raises UpstreamError."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if basic is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        return self._send("POST", url, headers, urlencode(form).encode())

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        parts = urlsplit(_printable(url))
        host = parts.hostname or "?"
        try:
            with self._connection(parts) as connection:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                sent = {"Host": parts.netloc, "Accept": "application/json", "User-Agent": "moorage", **headers}
                connection.request(method, path, body, sent)
                response = connection.getresponse()
                content = response.read(MAX_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UpstreamError(f"{host} cannot be reached: {_short(error)}") from None
        if len(content) > MAX_BYTES:
            raise UpstreamError(f"{host} answers with more than {MAX_BYTES} bytes")
        if 300 <= response.status < 400:
            raise UpstreamError(f"{host} sends its callers elsewhere, which is not followed: name the address itself")
        return Answer(response.status, content)

    @contextmanager
    def _connection(self, parts: SplitResult) -> Iterator[http.client.HTTPConnection]:
        """Connect to a judged address; whatever happens, all is over after `total_s` seconds."""
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise UpstreamError("an address of another server begins with https:// and holds no name or password")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        plain = _connect(parts.hostname, port, self._reach, is_tls=parts.scheme == "https")
        sockets, is_over = [plain], threading.Event()

        def end() -> None:
            is_over.set()
            _break(sockets[-1])

        timer = threading.Timer(self._total_s, end)
        timer.daemon = True
        timer.start()
        try:
            if parts.scheme == "https":
                wrapped = self._context.wrap_socket(
                    plain, server_hostname=parts.hostname, do_handshake_on_connect=False
                )
                sockets.append(wrapped)
                wrapped.do_handshake()
            connection = http.client.HTTPConnection(parts.hostname, port)
            connection.sock = sockets[-1]
            yield connection
            if is_over.is_set():  # What was read until then looks like an answer that simply ended.
                raise TimeoutError
        finally:
            timer.cancel()
            sockets[-1].close()


def is_allowed(address: Address, reach: Reach) -> bool:
    """Say whether an address may be contacted. Pure."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None:
        return is_allowed(mapped, reach)
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address.is_loopback:
        return reach == Reach.LOCAL
    if isinstance(address, ipaddress.IPv4Address):
        return not address.is_reserved and (address.is_global or reach >= Reach.PRIVATE)
    if address.sixtofour or address.teredo or address in _NAT64:
        return False
    return address.is_global or reach >= Reach.PRIVATE


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""These and 6to4 and Teredo carry an IPv4 address inside, which would have to be judged too; nobody needs them here."""


def _connect(host: str, port: int, reach: Reach, *, is_tls: bool) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not all(is_allowed(address, reach) for address in addresses):
        raise UpstreamError(f"{host} has an address that Moorage is not allowed to contact (MOORAGE_UPSTREAM_REACH)")
    if not is_tls and not all(address.is_loopback for address in addresses):
        raise UpstreamError(f"{host} must be named with https://")
    failure: OSError = OSError("the name has no address")
    for address in addresses[:2]:
        try:
            made = socket.create_connection((str(address), port), timeout=CONNECT_S)
        except OSError as error:
            failure = error
            continue
        made.settimeout(TOTAL_S)
        return made
    raise failure


def _break(connected: socket.socket) -> None:
    """End a connection under whoever waits on it, TLS or not."""
    try:
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        connected.close()


def _printable(url: str) -> str:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise UpstreamError("an address of another server is made of printable ASCII characters")
    return url


def _short(error: Exception) -> str:
    """What went wrong, without what the other side sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
