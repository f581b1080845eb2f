"""The front door on this machine: API Gateway's two REST APIs and the upload service behind one ASGI application."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from localstack.asgi import App, Message, Receive, Scope, Send
from localstack.authorizer import Authorize, TokenAuthorizer
from localstack.http_reply import NO_SUCH_STAGE, TIMED_OUT, TOO_LARGE, Reply, gateway_reply
from localstack.proxy_event import HttpRequest
from localstack.request_body import ClientGone, read_body
from localstack.rest_api import INTEGRATION_TIMEOUT_S, Handler, RestApi
from localstack.workers import Workers

_UPLOAD = re.compile(r"/v2/.+/blobs/uploads/[^/]+")
_SECRET_QUERY = re.compile(r"(?i)(^|&)(_?state|code|x-amz-[^=&]*|[^=&]*(?:token|password|secret)[^=&]*)=[^&]*")
_HOME = b"Moorage, an OCI registry. Sign in with `docker login`, push to <this host>/<project>/<repository>:<tag>.\n"


class Gateway:
    """Routes by the first segment of the path: stage `v2` to the registry, `service`, `api`, `c` and `ui` to the console.

    Handlers run in a few threads: they wait for DynamoDB most of the time, and more threads only make each other slower.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        authorize: Authorize | None = None,
        uploads: App | None = None,
        public_url: str = "http://127.0.0.1:5000",
        service: str = "moorage",
        strict: bool = True,
        threads: int = 8,
        timeout_s: float = INTEGRATION_TIMEOUT_S,
        log: Callable[[str], None] | None = None,
    ) -> None:
        challenge = f'Bearer realm="{public_url}/service/token",service="{service}"'
        authorizer = TokenAuthorizer(authorize) if authorize is not None else None
        registry = RestApi("registry", handler, authorizer=authorizer, challenge=challenge, strict=strict)
        console = RestApi("console", handler, challenge=challenge, strict=strict)
        self._stages = {"v2": registry, **dict.fromkeys(("service", "api", "c", "ui"), console)}
        self._uploads = uploads
        self._timeout_s = timeout_s
        self._log = log
        self._workers = Workers(threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http" and self._log is None:
            await self._http(scope, receive, send)
        elif scope["type"] == "http" and self._log is not None:
            await self._http_logged(scope, receive, send, self._log)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        if self._uploads is not None and scope["method"] != "POST" and _UPLOAD.fullmatch(path):
            await self._uploads(scope, receive, send)
            return
        try:
            reply = await self._answer(path, scope, receive)
        except ClientGone:
            return
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(self, path: str, scope: Scope, receive: Receive) -> Reply:
        body = await read_body(scope, receive)
        request = HttpRequest(
            scope["method"],
            path,
            scope["query_string"].decode("latin-1"),
            scope["headers"],
            body or b"",
            (scope.get("client") or ("127.0.0.1", 0))[0],
            f"HTTP/{scope['http_version']}",
        )
        api = self._stages.get(request.stage)
        if api is None:
            return _home(request)
        if body is None:
            reply = api.refusal(TOO_LARGE, request)
            return Reply(reply.status, [*reply.headers, (b"connection", b"close")], reply.body)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._workers.call(api.answer, request)
        except TimeoutError:
            return api.refusal(TIMED_OUT, request)

    async def _http_logged(self, scope: Scope, receive: Receive, send: Send, log: Callable[[str], None]) -> None:
        started, status = time.monotonic(), 0

        async def noting_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._http(scope, receive, noting_status)
        finally:
            milliseconds = 1000 * (time.monotonic() - started)
            log(f"{scope['method']} {loggable(scope)} {status} {milliseconds:.1f}ms")

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start and stop with the upload service, which may have something to start."""
        if self._uploads is not None:
            await self._uploads(scope, receive, send)
        else:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})


def loggable(scope: Scope) -> str:
    """The path and query of a request without what grants access: upload states, signatures, tokens, codes of logins."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = _SECRET_QUERY.sub(r"\1\2=-", scope["query_string"].decode("latin-1"))
    return f"{path}?{query}" if query else path


def _home(request: HttpRequest) -> Reply:
    if request.path != "/" or request.method not in ("GET", "HEAD"):
        return gateway_reply(NO_SUCH_STAGE, request.id)
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_HOME))]
    return Reply(200, headers, b"" if request.method == "HEAD" else _HOME)
