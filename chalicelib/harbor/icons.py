"""Icons of artifacts. Clients know Harbor's by the digests of its files; ours are drawn here, one colour a kind.

Source: Harbor `src/lib/icon/const.go`; PNG specification, chapters 5 and 11.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations
from chalicelib.http import Response, json_response

_DEFAULT = "sha256:da834479c923584f4cbcdecc0dac61f32bef1d51e8aae598cf16bd154efab49f"
_ICONS: Mapping[str, tuple[str, int]] = {
    "IMAGE": ("sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06", 0x2496ED),
    "CHART": ("sha256:61cf3a178ff0f75bf08a25d96b75cf7355dc197749a9f128ed3ef34b0df05518", 0x0F1689),
    "CNAB": ("sha256:089bdda265c14d8686111402c8ad629e8177a1ceb7dcd0f7f39b6480f623b3bd", 0x1F7A8C),
    "WASM": ("sha256:badd7693bcaf115be202748241dd0ea6ee3b0524bfab9ac22d1e1c43721afec6", 0x654FF0),
    "CNAI": ("sha256:1e1e5c5fdaf0931ec8655e835d1182f723a0c322a6760211622e1270f0193717", 0xB4552D),
    "SBOM": ("sha256:c19f80c357cd7e90d2a01b9ae3e2eb62ce447a2662bb590a19177d72d550bdae", 0x3C7D3C),
    "sbom.harbor": ("sha256:c19f80c357cd7e90d2a01b9ae3e2eb62ce447a2662bb590a19177d72d550bdae", 0x3C7D3C),
    "signature.cosign": ("sha256:20401d5b3a0f6dbc607c8d732eb08471af4ae6b19811a4efce8c6a724aed2882", 0x2E2F71),
    "signature.notation": ("sha256:3ac706e102bbe9362b400aa162df58135d35e66b9c3bee2165de92022d25fe34", 0x8A5A00),
}
"""Type of an artifact or accessory -> digest of Harbor's icon, colour of ours."""
_COLOURS = {_DEFAULT: 0x6B7785, **dict(_ICONS.values())}
_SIDE = 50
_CORNER = 9


def icon_of(type_: str) -> str:
    """The digest of a type's icon."""
    return _ICONS[type_][0] if type_ in _ICONS else _DEFAULT


class Icons:
    """`/icons/{digest}`, open to everybody."""

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {"getIcon": self._get}

    def _get(self, call: Call) -> Response:
        digest = call.path["digest"]
        if digest not in _COLOURS:
            raise RegistryError("NOT_FOUND", message=f"the icon {digest[:140]} not found")
        content = base64.b64encode(draw(_COLOURS[digest])).decode()
        return json_response(200, {"content-type": "image/png", "content": content})


def draw(colour: int) -> bytes:
    """Draw a square with round corners as PNG; `colour` is 0xRRGGBB."""
    inside, outside = struct.pack(">I", colour << 8 | 0xFF), bytes(4)
    lines = (
        b"\0" + b"".join(inside if _is_inside(x, y) else outside for x in range(_SIDE)) for y in range(_SIDE)
    )
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 6, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(b"".join(lines), 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _is_inside(x: int, y: int) -> bool:
    beyond_x, beyond_y = (max(_CORNER - at, at - (_SIDE - 1 - _CORNER), 0) for at in (x, y))
    return beyond_x**2 + beyond_y**2 <= _CORNER**2


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
