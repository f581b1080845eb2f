"""API Gateway before the processes of the duties: `uvicorn tests.infra.permissions.front:app`, addresses in the environment."""

from __future__ import annotations

import http.client
import json
import os
import threading
from typing import Any

from localstack.gateway import Gateway

_PORTS = json.loads(os.environ["DUTY_PORTS"])
_kept = threading.local()


def invoke(duty: str, handler: str, event: Any) -> Any:
    """Have a duty's process run a handler. Raises Exception with the words of the one that the handler raised."""
    known: dict[str, http.client.HTTPConnection] = _kept.__dict__.setdefault("connections", {})
    connection = known.get(duty) or known.setdefault(
        duty, http.client.HTTPConnection("127.0.0.1", _PORTS[duty], timeout=60)
    )
    connection.request("POST", f"/{handler}", json.dumps(event))
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        raise Exception(answer)
    return answer


def handle(event: Any, context: Any) -> Any:
    """The functions of the two REST APIs."""
    path = event["requestContext"]["path"]
    return invoke("registry" if path == "/v2" or path.startswith("/v2/") else "console", "app", event)


app = Gateway(
    handle,
    authorize=lambda event, context: invoke("authorizer", "authorize", event),
    public_url=os.environ["MOORAGE_PUBLIC_URL"],
    timeout_s=60,
)
