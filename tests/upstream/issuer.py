"""An issuer of ID tokens: real keys, real signatures, and for tests of the network a real HTTP server on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from chalicelib.rbac.id_token import IssuerKey, read_keys

_ALGORITHMS = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm, "EdDSA": jwt.algorithms.OKPAlgorithm}
_MAKE = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class SignerKey:
    def __init__(self, kid: str, algorithm: str = "ES256") -> None:
        self.kid, self.algorithm = kid, algorithm
        self.private: Any = _MAKE[algorithm]()

    def jwk(self, **changes: Any) -> dict[str, Any]:
        public = json.loads(_ALGORITHMS[self.algorithm].to_jwk(self.private.public_key()))
        return {**public, "kid": self.kid, "use": "sig", "alg": self.algorithm, **changes}

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers={"kid": self.kid, **headers})


class Issuer:
    """What an issuer publishes; `documents` may be changed by a test, `requests` are those it got."""

    def __init__(self, url: str = "https://ci.example.com", algorithm: str = "ES256") -> None:
        self.url, self.key = url, SignerKey("one", algorithm)
        self.documents: dict[str, Any] = {}
        self.requests: list[str] = []
        self.delay_s = 0.0
        self.publish(self.key)

    def publish(self, *keys: SignerKey) -> None:
        self.key = keys[0]
        self.documents["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.documents["/keys"] = {"keys": [key.jwk() for key in keys]}

    @property
    def keys(self) -> list[IssuerKey]:
        return list(read_keys(self.documents["/keys"]))

    def token(self, now: int, **claims: Any) -> str:
        common = {"iss": self.url, "aud": "https://registry.example.com", "sub": "repo:acme/app:ref:refs/heads/main"}
        return self.key.sign({**common, "iat": now, "nbf": now, "exp": now + 300, **claims})


@contextmanager
def serving(issuer: Issuer) -> Iterator[Issuer]:
    """Serve an issuer over HTTP on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests.append(self.path)
            time.sleep(issuer.delay_s)
            document = issuer.documents.get(self.path)
            is_redirect = isinstance(document, dict) and "redirect" in document
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(404 if document is None else 302 if is_redirect else 200)
            if is_redirect:
                self.send_header("Location", document["redirect"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    issuer.publish(issuer.key)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
