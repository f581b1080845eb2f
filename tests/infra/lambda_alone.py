"""Runs where nothing but the zip's folder is to be seen: `python -I -S lambda_alone.py FOLDER`, settings in the environment.

Calls every entrypoint as Lambda does and prints as JSON what they answered, which modules came from elsewhere, and what botocore
finds. Only the standard library and the zip are imported.
"""

# ruff: noqa: E402, PLC0415
from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(FOLDER))
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})

import app


def request(method: str, path: str, body: str = "", **headers: str) -> dict[str, Any]:
    path, _, query = path.partition("?")
    fields = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return {
        "requestContext": {"httpMethod": method, "path": path, "resourcePath": "/", "requestId": "r", "identity": {}},
        "headers": {name: values[0] for name, values in fields.items()}, "multiValueHeaders": fields,
        "multiValueQueryStringParameters": {name: [value] for name, value in (pair.split("=") for pair in query.split("&"))}
        if query else None,
        "pathParameters": {}, "stageVariables": None, "body": body or None, "isBase64Encoded": False,
    }  # fmt: skip


def http(method: str, path: str, body: str = "", **headers: str) -> dict[str, Any]:
    answer: dict[str, Any] = app.app(request(method, path, body, **headers), None)
    return answer


def main() -> None:
    seen: dict[str, Any] = {"provision": app.provision({}, None)}
    basic = "Basic " + base64.b64encode(f"admin:{_password()}".encode()).decode()
    token = json.loads(
        http("GET", "/service/token?scope=repository:library/app:pull,push&service=moorage", authorization=basic)[
            "body"
        ]
    )["token"]
    bearer = f"Bearer {token}"
    seen["push"] = http(
        "PUT", "/v2/library/app/manifests/1", MANIFEST, authorization=bearer,
        content_type="application/vnd.oci.image.index.v1+json",
    )["statusCode"]  # fmt: skip
    seen["pull"] = http("GET", "/v2/library/app/manifests/1", authorization=bearer)["body"] == MANIFEST
    seen["upload"] = http("POST", "/v2/library/app/blobs/uploads/", authorization=bearer)["statusCode"]
    seen["console"] = http("GET", "/api/v2.0/projects", authorization=basic)["statusCode"]
    seen["documentation"] = http("GET", "/api/v2.0/openapi.json", authorization=basic)["statusCode"]
    event = {"authorizationToken": bearer, "methodArn": "arn:aws:execute-api:us-east-1:1:api/v2/GET/"}
    seen["authorize"] = app.authorize(event, None)["policyDocument"]["Statement"][0]["Effect"]
    for sweep in (app.sweep_uploads, app.sweep_releases, app.sweep_projects, app.purge_audit):
        seen[sweep.__name__] = sweep({}, None)
    seen["rotate_keys"] = app.rotate_keys({}, None)
    seen["dispatch_scans"] = app.dispatch_scans({"Records": []}, None)
    seen["modules"] = _all_modules()
    seen["botocore"] = _models()
    seen["from_elsewhere"] = _from_elsewhere()
    print(json.dumps(seen))


def _password() -> str:
    from chalicelib.aws.secrets import Secrets

    settings = app._settings()
    return Secrets(settings).read_text(settings.admin_secret) or ""


def _all_modules() -> int:
    """Import whatever is ours, and what it imports late: directories, logs, metrics, traces."""
    import importlib

    from aws_lambda_powertools import Logger, Metrics, Tracer
    from aws_xray_sdk.core import patch

    patch(["botocore"])
    assert all((Logger, Metrics, Tracer))
    ours = [path.relative_to(FOLDER).with_suffix("").parts for path in (FOLDER / "chalicelib").rglob("*.py")]
    for parts in ours:
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
    import ldap3
    from ldap3.utils.dn import parse_dn

    server = ldap3.Server("ldap://127.0.0.1:1", get_info=ldap3.NONE)
    ldap3.Connection(server, "cn=a", "b", authentication=ldap3.SIMPLE)
    assert parse_dn("cn=a,dc=b")
    return len(ours)


def _models() -> list[str]:
    import botocore.session

    session = botocore.session.get_session()
    names: list[str] = session.get_available_services()
    for name in names:
        session.create_client(name, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    return names


def _from_elsewhere() -> list[str]:
    homes = (FOLDER, Path(json.__file__).resolve().parent.parent)
    found = []
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        is_ours = file is None or any(Path(file).resolve().is_relative_to(home) for home in homes)
        if (not is_ours or "site-packages" in str(file)) and name != "__main__":
            found.append(name)
    return found


main()
