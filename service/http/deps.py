"""What routes are given: Tersus, the configuration, the room for work, and who calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ...rag import Tersus
from ...rag.chat import Chat
from ...rag.jobs import JobRunner
from ...rag.keys import ApiKey, KeyInvalid, authenticate
from ...rag.ledger.origin import Origin, current_origin
from .config import ServeConfig
from .errors import Forbidden
from .request_id import request_id
from .work import Work

__all__ = [
    "COOKIE",
    "Admin",
    "Caller",
    "ChatDep",
    "Config",
    "Jobs",
    "Reader",
    "Room",
    "Scope",
    "TersusDep",
    "Writer",
    "caller",
]

COOKIE = "tersus_key"
Scope = Literal["read", "write", "admin"]
_bearer = HTTPBearer(auto_error=False, description="An API key: `tersus keys create NAME`.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; ``key`` is None where the service runs without keys."""

    key: ApiKey | None

    def may(self, collection: str) -> None:
        """Raise Forbidden where the key is bound to other collections.

        Also where there is no such collection: a key must not learn which ones there are.
        """
        if (
            self.key is not None
            and self.key.collections is not None
            and collection not in self.key.collections
        ):
            raise Forbidden(f"this key may not use collection {collection!r:.80}", hint="use a key that may")

    def sees(self, collection: str | None) -> bool:
        """Whether a list may show this collection, or a query of none, to the caller."""
        return self.key is None or self.key.collections is None or collection in self.key.collections


# Coroutines, though they wait for nothing: FastAPI runs mere functions in threads.
async def _tersus(request: Request) -> Tersus:
    found: Tersus = request.app.state.tersus
    return found


async def _config(request: Request) -> ServeConfig:
    found: ServeConfig = request.app.state.config
    return found


async def _work(request: Request) -> Work:
    found: Work = request.app.state.work
    return found


async def _jobs(request: Request) -> JobRunner:
    found: JobRunner = request.app.state.jobs
    return found


async def _chat(request: Request) -> Chat:
    found: Chat = request.app.state.chat
    return found


def caller(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, whose key has ``scope`` (``admin`` has all).

    Raises ``unauthorized`` and ``forbidden``. What the request writes into the ledger carries key and
    request id from here on.
    """

    async def identify(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        key = None
        # OpenAI's clients always send some key: where none is needed, only one of ours is looked at.
        token = given.credentials if given else _of_page(request)
        ours = token is not None and token.startswith("tsk_")
        if ours or request.app.state.keys_required:
            if token is None:
                raise KeyInvalid("an API key is needed", hint="send Authorization: Bearer tsk_…")
            key = await asyncio.to_thread(authenticate, request.app.state.tersus.database, token)
            if scope not in key.scopes and "admin" not in key.scopes:
                raise Forbidden(f"this key has no scope {scope!r}", hint="use a key that has")
        current_origin.set(
            Origin(
                key_id=key.id if key else None,
                key_name=key.name if key else None,
                request_id=request_id(),
                endpoint=getattr(request.scope.get("route"), "path", None),
                idempotency_key=request.headers.get("idempotency-key"),
            )
        )
        return Caller(key)

    return identify


def _of_page(request: Request) -> str | None:
    """The key of a page of ours: its cookie counts only with a header that other sites cannot send."""
    return request.cookies.get(COOKIE) if request.headers.get("x-tersus-page") == "1" else None


TersusDep = Annotated[Tersus, Depends(_tersus)]
Config = Annotated[ServeConfig, Depends(_config)]
Jobs = Annotated[JobRunner, Depends(_jobs)]
ChatDep = Annotated[Chat, Depends(_chat)]
Room = Annotated[Work, Depends(_work)]
Reader = Annotated[Caller, Depends(caller("read"))]
Writer = Annotated[Caller, Depends(caller("write"))]
Admin = Annotated[Caller, Depends(caller("admin"))]
