"""A real OpenLDAP server with the people of `directory.ldif`, on free ports, with and without TLS."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import free_port, wait_for_port

LDIF = Path(__file__).parent / "directory.ldif"
SLAPD = shutil.which("slapd") or next((str(p) for p in [Path("/usr/sbin/slapd")] if p.exists()), None)
_SCHEMAS, _MODULES = Path("/etc/ldap/schema"), Path("/usr/lib/ldap")
_CONFIGURATION = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
moduleload memberof
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
sizelimit {size_limit}
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
directory {folder}/db
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=org" read by * none
"""


@dataclass(frozen=True)
class Directory:
    """Where it listens, and the certificate it shows."""

    url: str
    tls_url: str
    certificate: Path


@contextmanager
def running(folder: Path, *, size_limit: int = 500) -> Iterator[Directory]:
    """Start a server on a copy of the people."""
    assert SLAPD is not None
    (folder / "db").mkdir()
    _write_certificate(folder)
    values = {"schemas": _SCHEMAS, "modules": _MODULES, "folder": folder, "size_limit": size_limit}
    configuration, log = folder / "slapd.conf", folder / "slapd.log"
    configuration.write_text(_CONFIGURATION.format(**values))
    add = [SLAPD, "-T", "add", "-f", str(configuration), "-l", str(LDIF)]
    subprocess.run(add, check=True, capture_output=True)
    plain, tls = free_port(), free_port()
    urls = f"ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/"
    with log.open("wb") as output:
        process = subprocess.Popen([SLAPD, "-d", "0", "-h", urls, "-f", str(configuration)], stdout=output, stderr=output)
    try:
        wait_for_port(plain, process, log)
        yield Directory(f"ldap://127.0.0.1:{plain}", f"ldaps://127.0.0.1:{tls}", folder / "cert.pem")
    finally:
        process.terminate()
        process.wait(10)


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "directory")])
    started = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(started)
        .not_valid_after(started + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
