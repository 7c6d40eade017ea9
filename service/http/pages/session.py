"""Who looks at a page: by an API key that the browser was given once, in a cookie that no script can read."""

from __future__ import annotations

import asyncio

from fastapi import Request, Response

from ....rag.keys import KeyInvalid, authenticate
from ..deps import COOKIE, Caller
from ..errors import Forbidden

__all__ = ["NoSession", "close", "open_session", "viewer"]

_LASTS = 12 * 3600


class NoSession(Exception):
    """No key, or none that may read."""


async def viewer(request: Request) -> Caller:
    """The caller of a page. Raises NoSession."""
    if not request.app.state.keys_required:
        return Caller(None)
    token = request.cookies.get(COOKIE)
    if not token:
        raise NoSession
    try:
        return await _caller(request, token)
    except (KeyInvalid, Forbidden) as error:
        raise NoSession from error


async def open_session(request: Request, response: Response, token: str) -> None:
    """Remember the key in the browser for twelve hours. Raises KeyInvalid, Forbidden."""
    await _caller(request, token)
    response.set_cookie(
        COOKIE, token, max_age=_LASTS, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )


def close(response: Response) -> None:
    """Forget the key."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


async def _caller(request: Request, token: str) -> Caller:
    key = await asyncio.to_thread(authenticate, request.app.state.tersus.database, token)
    if not key.scopes & {"read", "admin"}:
        raise Forbidden("this key may not read", hint="use a key with the scope read")
    return Caller(key)
