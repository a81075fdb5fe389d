"""The built web pages: ``/`` and ``/static/…``, and a clear word where they were not built."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import web

from cti.web.routing import Access, ApiError, Route

_HASHED = re.compile(r"-[0-9A-Z]{8}\.(?:js|css)(?:\.map)?$")
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>ringdesk: pages not built</title>
<h1>The web pages are not built yet</h1>
<p>The service runs, but its pages are missing. In the checkout, run <code>make setup</code>,
then load this page again. The API works without them.</p></html>
"""


def page_routes(static_dir: Path) -> list[Route]:
    """Serve a folder of built pages."""
    root = static_dir.resolve()

    async def index(_request: web.Request) -> web.StreamResponse:
        page = root / "index.html"
        if not page.is_file():
            return web.Response(text=_NOT_BUILT, content_type="text/html", status=503)
        return _file(page)

    async def click_to_call(_request: web.Request) -> web.StreamResponse:
        script = root / "click-to-call.js"
        if not script.is_file():
            raise ApiError(503, "not_built", "The web pages are not built yet: run make setup.")
        answer = _file(script)
        # The one file of ours that pages of other sites may load: it opens /dial, which asks.
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer

    async def static(request: web.Request) -> web.StreamResponse:
        # resolve() follows links and "..", so whatever leaves the folder is seen here.
        try:
            path = (root / request.match_info["path"]).resolve()
            is_ours = path.is_relative_to(root) and path.is_file()
        except (OSError, ValueError):  # too long, or a NUL
            is_ours = False
        if not is_ours:
            raise ApiError(404, "not_found", "There is nothing at this address.")
        return _file(path)

    return [
        Route("GET", "/", index, Access.PUBLIC, "The page"),
        Route("GET", "/dial", index, Access.PUBLIC, "The page, asking whether to call a number"),
        Route("GET", "/click-to-call.js", click_to_call, Access.PUBLIC, "For other pages"),
        Route("GET", "/static/{path:.+}", static, Access.PUBLIC, "Files of the page"),
    ]


def _file(path: Path) -> web.FileResponse:
    """A file, or its compressed copy for who takes that (``path.br``, ``path.gz``: aiohttp finds them)."""
    # What has its content's hash in its name never changes. All else is asked for again each time and answered with 304
    # by its date: an upgrade is seen at the next load.
    is_hashed = _HASHED.search(path.name) is not None
    kept = "public, max-age=31536000, immutable" if is_hashed else "no-cache"
    return web.FileResponse(path, headers={"Cache-Control": kept})
