"""Style sheets, scripts and pictures of the pages: read once, packed, sent again only when they differ.

Pages name each with what it holds, so that a browser keeps it and asks no more, at no page.
"""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
KEPT = "private, max-age=31536000, immutable"
_PACKED = (".js", ".css", ".svg", ".txt", ".json", ".toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file; ``packed`` is empty for what is packed already."""

    plain: bytes
    packed: bytes
    kind: str
    tag: str


def address(name: str) -> str:
    """Return where a file is got, for as long as it holds what it holds now."""
    return f"{PREFIX}{name}?v={_read(name).tag}"


async def send(request: web.Request) -> web.Response:
    """Send a file, or that the browser's own copy is the same."""
    name = request.match_info["path"]
    if name not in _names():
        return web.Response(status=404)
    asset = _read(name)
    headers = {"ETag": f'"{asset.tag}"', "Vary": "Accept-Encoding"}
    if request.query.get("v") == asset.tag:
        headers["Cache-Control"] = KEPT
    if f'"{asset.tag}"' in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    if asset.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=asset.packed, content_type=asset.kind, headers=headers)
    return web.Response(body=asset.plain, content_type=asset.kind, headers=headers)


@cache
def _names() -> frozenset[str]:
    """Return the paths of all files in the folder: what is not in it cannot be asked for."""
    return frozenset(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())


@cache
def _read(name: str) -> Asset:
    path = FOLDER / name
    plain = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(
        plain=plain,
        packed=gzip.compress(plain, 9, mtime=0) if path.suffix in _PACKED else b"",
        kind="text/javascript" if path.suffix == ".js" else kind,
        tag=sha256(plain).hexdigest()[:24],
    )
