"""The OpenAPI document, and a page that shows it: files that are the same for everybody."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

_FILES = (
    ("/openapi.json", "openapi.json", "application/json"),
    ("/docs", "docs.html", "text/html; charset=utf-8"),
    ("/docs/style.css", "docs.css", "text/css; charset=utf-8"),
    ("/docs/script.js", "docs.js", "text/javascript; charset=utf-8"),
)
_HEADERS = {
    "content-security-policy": "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
"""The page runs its own script alone, speaks to its own server alone, and stands in no other page: it may hold a token."""


def manual() -> list[Path]:
    """Paths that are open to all: they tell what is in the documentation."""
    folder = files("controlplane.http") / "pages"
    return [_path(path, (folder / name).read_bytes(), kind) for path, name, kind in _FILES]


def _path(path: str, content: bytes, kind: str) -> Path:
    async def respond(_: Request) -> Response:
        return Response(content, headers={**_HEADERS, "content-type": kind})

    return Path(path, respond)
