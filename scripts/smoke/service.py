"""What only the deployed service shows: TLS, how fast it answers cold and warm, and that nothing of this stays."""

from __future__ import annotations

import socket
import ssl
import statistics
import warnings
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from scripts.smoke.check import Suite
from scripts.smoke.registry import MANIFEST, TAG, Registry, said
from scripts.smoke.report import Failed, Skipped, demand
from scripts.smoke.wire import Wire

SUITE = Suite()
LAST = Suite()
_PARALLEL, _WARM = 10, 30
_OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)


@SUITE.check("tls", "every host has a certificate that is valid for it, and speaks TLS 1.2 or newer")
def tls(registry: Registry) -> str:
    """Demand it of registry, console, upload service and S3."""
    versions = []
    for host, port in _tls_hosts(registry):
        context = ssl.create_default_context(cafile=registry.plan.cafile)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            versions.append(f"{host} {_handshake(host, port, context)}")
        except OSError as error:
            raise Failed(f"{host}: {error}") from error
    return ", ".join(versions)


@SUITE.check("tls-old", "TLS 1.0 and 1.1 are refused")
def tls_old(registry: Registry) -> str:
    """Demand it of the same hosts; what AWS decides for its default endpoints is told and not judged."""
    hosts, told = _tls_hosts(registry), []
    for host, port in hosts:
        spoken = [version.name for version in _OLD if _speaks(host, port, version)]
        if spoken and host.endswith((".amazonaws.com", ".cloudfront.net")):
            told.append(f"{host} still takes {' and '.join(spoken)}")
        else:
            demand(not spoken, f"{host} takes {' and '.join(spoken)}")
    if told:
        raise Skipped(f"{'; '.join(told)}: AWS's default endpoint; a domain of your own has a policy of its own")
    return f"{len(hosts)} hosts refuse both"


@SUITE.check("latency", "HEAD of a manifest is fast when warm, and a cold start keeps nobody waiting for long")
def latency(registry: Registry) -> str:
    """Ask ten times at once, which starts new environments, then thirty times in a row."""
    registry.image  # noqa: B018 - pushes it
    bearer = registry.bearer

    def ask(wire: Wire) -> float:
        url = registry.plan.url + registry.path(f"manifests/{TAG}")
        answer = wire.send("HEAD", url, None, [bearer, ("Accept", MANIFEST)])
        demand(answer.status == 200, f"HEAD of a manifest {said(answer)}, wanted 200")
        return 1000 * answer.seconds

    wires = [Wire(timeout_s=60, cafile=registry.plan.cafile) for _ in range(_PARALLEL)]
    with ThreadPoolExecutor(_PARALLEL) as threads:
        cold = list(threads.map(ask, wires))
    warm = sorted(ask(wires[0]) for _ in range(_WARM))
    for wire in wires:
        wire.close()
    middle, slow = statistics.median(warm), warm[-2]
    told = f"warm {middle:.0f} ms (p97 {slow:.0f}), ten at once at most {max(cold):.0f} ms"
    demand(middle <= registry.plan.warm_ms, f"{told}; wanted at most {registry.plan.warm_ms} ms when warm")
    demand(max(cold) <= registry.plan.cold_ms, f"{told}; wanted at most {registry.plan.cold_ms} ms when cold")
    return told


@LAST.check("clean-up", "whatever was pushed is gone from the registry again")
def clean_up(registry: Registry) -> str:
    """Remove the repository through the management API, which takes manifests, tags and blobs along."""
    name = registry.repository.partition("/")[2]
    url = f"{registry.console_url}/api/v2.0/projects/{registry.plan.project}/repositories/{name}"
    answer = registry.wire.send("DELETE", url, None, [registry.basic])
    demand(answer.status in (200, 404), f"DELETE of {registry.repository} {said(answer)}; remove it by hand")
    left = registry.send("GET", registry.path(f"manifests/{TAG}"), None, [registry.bearer])
    demand(left.status == 404, f"{registry.repository} still {said(left)}; remove it by hand")
    return f"{registry.repository} is gone; its bytes stay in the bucket until garbage collection"


def _tls_hosts(registry: Registry) -> list[tuple[str, int]]:
    places = [registry.plan.url, registry.console_url, registry.start_upload()]
    places.append(registry.located("GET", registry.image.layer.digest))
    parts = [urlsplit(place) for place in places]
    hosts = dict.fromkeys((part.hostname or "", part.port or 443) for part in parts if part.scheme == "https")
    is_plain = [part.netloc for part in parts if part.scheme != "https"]
    if not hosts:
        raise Skipped("nothing here is https")
    demand(not is_plain, f"not https: {', '.join(is_plain)}")
    return list(hosts)


def _handshake(host: str, port: int, context: ssl.SSLContext) -> str:
    with (
        socket.create_connection((host, port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        return secured.version() or "?"


def _speaks(host: str, port: int, version: ssl.TLSVersion) -> bool:
    """Whether a handshake of an old version succeeds. What this machine's OpenSSL cannot do counts as unknown: skipped."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
            context.set_ciphers("ALL:@SECLEVEL=0")
    except (ValueError, ssl.SSLError) as error:
        raise Skipped(f"this machine's OpenSSL has no {version.name}: {error}") from error
    try:
        _handshake(host, port, context)
    except OSError:
        return False
    return True
