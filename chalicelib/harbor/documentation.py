"""The API description for whoever asks: as data (`openapi.json`) and as a page (`docs`). Neither needs a login."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

from chalicelib.harbor import description
from chalicelib.harbor.call import Call, Operations
from chalicelib.http import Response

_PAGE = Path(__file__).with_name("documentation.html")
_CACHED = {"Cache-Control": "public, max-age=300"}


class Documentation:
    """The operations of the description itself."""

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {"getDescription": self._description, "getDocumentation": self._documentation}

    def _description(self, _call: Call) -> Response:
        return Response(200, {"Content-Type": "application/json", **_CACHED}, description.text())

    def _documentation(self, _call: Call) -> Response:
        page, policy = _page()
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", **_CACHED}
        return Response(200, {"Content-Type": "text/html; charset=utf-8", **headers}, page)


@functools.cache
def _page() -> tuple[bytes, str]:
    """Read the page and say what it may do: run its own script, read the description, nothing else."""
    page = _PAGE.read_bytes()
    script = page.partition(b"<script>")[2].partition(b"</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'"
    return page, f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
