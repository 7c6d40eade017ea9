"""``/docs``: the API to read and to try out. Swagger UI comes from a package, and nothing from elsewhere."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_SCRIPT, _STYLE, _ICON = _TYPES
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Swagger UI starts itself in a script within the page, and styles itself as it runs.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
}


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Swagger UI over ``/openapi.json``; addresses are relative: it works behind a path of a proxy's."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{request.app.title} API",
        swagger_js_url=f"docs/{_SCRIPT}",
        swagger_css_url=f"docs/{_STYLE}",
        swagger_favicon_url=f"docs/{_ICON}",
    )
    page.headers.update(_HEADERS)
    return page


@router.get("/docs/{name}")
async def file(name: str) -> Response:
    """Its files."""
    if name not in _TYPES:
        return Response(status_code=404)
    found = resources.files("fastapi_swagger.resources") / name
    return Response(found.read_bytes(), 200, {**_HEADERS, "Cache-Control": "max-age=86400"}, _TYPES[name])
