"""The smoke test of a deployment: it passes on a registry in good health, and every check fails on a fault of its own."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from scripts.smoke.check import Check
from scripts.smoke.events import AwsKeys, authorization
from scripts.smoke.registry import Plan
from scripts.smoke.report import FAIL, PASS, SKIPPED, Outcome, exit_code
from scripts.smoke_aws import CHECKS, check_all, main
from tests.localstack.conftest import aws
from tests.running import ROOT, Running, running_registry
from tests.scripts.faults import FAULTS, MIB
from tests.scripts.faulty import Exchange, Proxy

SIZE = 18 * MIB  # above API Gateway's 10 MB, and more than one part of S3
OF_TLS = {"tls", "tls-old"}
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Stack:
    """The embedded registry behind a proxy that can play faults, and a queue that takes the place of the scan jobs."""

    running: Running
    proxy: Proxy
    plan: Plan
    contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    folder: Path


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("smoke")
    contexts = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    known = certificate(folder / "cert.pem", "localhost")
    for context in contexts:
        context.load_cert_chain(known)
    proxy = Proxy(contexts)
    with running_registry(folder, {"MOORAGE_PUBLIC_URL": proxy.url}) as running:
        proxy.registry_url, proxy.s3_url = running.url, running.s3_url
        if running.process is not None:  # the ready file tells the public address; the registry itself is behind it
            proxy.registry_url = f"http://127.0.0.1:{port_of(running)}"
        queue = aws(running.s3_url, "sqs").create_queue(QueueName="scan-jobs")["QueueUrl"]
        plan = Plan(
            proxy.url,
            running.user,
            running.password,
            size_bytes=SIZE,
            slow_s=1,
            warm_ms=200,
            scan_jobs_url=queue,
            scan_wait_s=5,
            cafile=str(folder / "cert.pem"),
        )
        yield Stack(running, proxy, plan, contexts, folder)
    proxy.stop()


@pytest.fixture(autouse=True)
def health(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "stack" in request.fixturenames:
        proxy = request.getfixturevalue("stack").proxy
        proxy.play = proxy.after = None


def dispatch(stack: Stack) -> None:
    """Play what the deployment does with S3's event: every manifest becomes a job."""
    sqs = aws(stack.running.s3_url, "sqs")

    def send(exchange: Exchange) -> None:
        if exchange.method == "PUT" and "/manifests/" in exchange.path and exchange.status == 201:
            sqs.send_message(QueueUrl=stack.plan.scan_jobs_url, MessageBody="{}")

    stack.proxy.after = send


def states(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.check: outcome.state for outcome in outcomes}


def chosen(*names: str) -> list[Check]:
    return [check for check in CHECKS if check.name in names]


def detail(outcomes: list[Outcome], name: str) -> str:
    return next(outcome.detail for outcome in outcomes if outcome.check == name)


def test_it_passes_on_a_registry_in_good_health(stack: Stack) -> None:
    dispatch(stack)
    outcomes = check_all(stack.plan)
    assert [outcome.check for outcome in outcomes] == [check.name for check in CHECKS]
    assert {o.check: o.detail for o in outcomes if o.state == FAIL} == {}
    assert {o.state for o in outcomes} == {PASS}
    assert exit_code(outcomes) == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_fails_on_the_fault_and_says_so(stack: Stack, fault: str) -> None:
    name, seen, stack.proxy.play = FAULTS[fault]
    needed = {"headers": {"manifest"}}.get(name, set())  # it looks at what other checks were answered
    outcomes = check_all(replace(stack.plan, scan_wait_s=0.5, warm_ms=30), chosen(name, *needed))
    assert states(outcomes)[name] == FAIL
    assert seen in detail(outcomes, name)
    assert exit_code(outcomes) == 1


def test_a_certificate_for_another_host_fails(stack: Stack) -> None:
    stack.contexts[1].load_cert_chain(certificate(stack.folder / "other.pem", "elsewhere.example"))
    bundle = stack.folder / "bundle.pem"
    bundle.write_text((stack.folder / "cert.pem").read_text() + (stack.folder / "other.pem").read_text())
    try:
        outcomes = check_all(replace(stack.plan, cafile=str(bundle)), chosen("tls"))
    finally:
        stack.contexts[1].load_cert_chain(stack.folder / "cert.pem")
    assert states(outcomes)["tls"] == FAIL
    assert "localhost" in detail(outcomes, "tls")


def test_an_unknown_authority_fails(stack: Stack) -> None:
    outcomes = check_all(replace(stack.plan, cafile=None), chosen("challenge"))
    assert states(outcomes)["challenge"] == FAIL
    assert "CERTIFICATE_VERIFY_FAILED" in detail(outcomes, "challenge")


def test_a_host_that_takes_old_tls_fails(stack: Stack) -> None:
    context = stack.contexts[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        outcomes = check_all(stack.plan, chosen("tls-old"))
    finally:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DEFAULT")
    assert states(outcomes)["tls-old"] == FAIL
    assert "localhost takes TLSv1" in detail(outcomes, "tls-old")


def test_every_check_has_a_fault_that_it_fails_on() -> None:
    assert {name for name, _, _ in FAULTS.values()} | OF_TLS == {check.name for check in CHECKS}


def test_what_it_pushed_is_gone_and_said_to_be(stack: Stack) -> None:
    outcomes = check_all(stack.plan, chosen("manifest"))
    assert [outcome.check for outcome in outcomes] == ["manifest", "clean-up"]
    assert {outcome.state for outcome in outcomes} == {PASS}


def test_nothing_that_grants_access_is_told(stack: Stack) -> None:
    """Also when everything fails, and answers are shown."""
    stack.proxy.play = lambda exchange: exchange.forward() or exchange.set("content-type", "text/html")
    said = json.dumps(
        [vars(outcome) for outcome in check_all(replace(stack.plan, scan_wait_s=0.5, size_bytes=11 * MIB))]
    )
    for secret in (stack.plan.password, "_state=", "X-Amz-Signature=", "eyJ"):
        assert secret not in said
    assert stack.plan.password not in repr(stack.plan)


def test_without_an_upload_service_large_uploads_are_skipped_with_the_reason(stack: Stack) -> None:
    names = [check.name for check in CHECKS if check.name.startswith("upload-")]
    outcomes = check_all(replace(stack.plan, has_uploads=False), chosen(*names))
    skipped = {o.check: o.detail for o in outcomes if o.state == SKIPPED}
    assert set(skipped) == {"upload-chunked", "upload-one-put", "upload-several", "upload-resumed", "upload-slow"}
    assert all("--no-upload-service" in reason for reason in skipped.values())


def test_a_registry_that_is_not_there_fails_every_check_it_can(stack: Stack) -> None:
    outcomes = check_all(replace(stack.plan, url="http://127.0.0.1:9"), chosen("challenge"))
    assert states(outcomes)["challenge"] == FAIL
    assert "did not answer" in detail(outcomes, "challenge")


def run_script(stack: Stack, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The script as an operator runs it: with Python alone, no packages."""
    kept = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-S", str(ROOT / "scripts/smoke_aws.py"), stack.plan.url, *arguments]
    command += ["--cafile", str(stack.plan.cafile)]
    return subprocess.run(command, env={**kept, **environ}, capture_output=True, text=True, timeout=120, check=False)


def test_the_script_needs_python_alone(stack: Stack) -> None:
    only = ("--only", "challenge", "--only", "manifest-head")
    done = run_script(stack, *only, "--json", MOORAGE_SMOKE_PASSWORD=stack.plan.password)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["registry"] == stack.plan.url
    assert {check["check"]: check["state"] for check in told["checks"]} == {
        "challenge": PASS, "manifest-head": PASS, "clean-up": PASS}  # fmt: skip
    assert stack.plan.password not in done.stdout + done.stderr


def test_the_script_shows_a_table_and_fails_with_what_is_wrong(stack: Stack) -> None:
    stack.proxy.play = FAULTS["HEAD tells 0"][2]
    done = run_script(stack, "--only", "manifest-head", MOORAGE_SMOKE_PASSWORD=stack.plan.password)
    assert done.returncode == 1
    assert "FAIL    manifest-head" in done.stdout
    assert "HEAD told Content-Length '0'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["https://registry.example"], "MOORAGE_SMOKE_PASSWORD"),
        (["ftp://registry.example"], "https://<host>"),
        (["https://registry.example/api/"], "https://<host>"),
    ],
)
def test_what_keeps_it_from_beginning_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOORAGE_SMOKE_PASSWORD", raising=False)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_nothing_but_skipped_checks_is_no_success() -> None:
    assert exit_code([Outcome("a", "b", SKIPPED, "c", 0)]) == 1
    assert exit_code([]) == 1


def test_requests_to_aws_are_signed_as_botocore_signs_them() -> None:
    body = b'{"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/1/q"}'
    keys = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI", "session", "eu-central-1")
    sent = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.GetQueueAttributes"}
    request = AWSRequest("POST", "https://sqs.eu-central-1.amazonaws.com/", sent, body)
    credentials = Credentials(keys.access_key, keys.secret_key, keys.session_token)
    SigV4Auth(credentials, "sqs", "eu-central-1").add_auth(request)
    ours = {**sent, "host": "sqs.eu-central-1.amazonaws.com", "x-amz-date": request.headers["X-Amz-Date"]}
    ours["x-amz-security-token"] = "session"
    assert authorization(ours, body, "eu-central-1", "sqs", keys) == request.headers["Authorization"]


def certificate(path: Path, host: str) -> Path:
    """A certificate of its own authority for a host (and 127.0.0.1), with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = [x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + built.public_bytes(Encoding.PEM))
    return path


def port_of(running: Running) -> int:
    """Where the registry listens, whatever its public address is."""
    assert running.process is not None
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for connection in psutil.Process(running.process.pid).net_connections("tcp4"):
            if connection.status == "LISTEN":
                return int(connection.laddr.port)
    raise AssertionError(f"it listens nowhere:\n{Path(str(running.log)).read_text()}")
