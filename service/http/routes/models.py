"""``GET /v1/models``: what may stand in a chat request's ``model``."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from ....errors import TersusError
from ....rag import Tersus
from ....rag.api.chat import ModelList, ModelOut
from ....rag.api.errors import errors
from ....rag.chat import Chat
from ....rag.ledger import CollectionRepository
from ..chat_request import PREFIX
from ..deps import Caller, ChatDep, Reader, TersusDep
from ..errors import UnknownModel

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["openai"])


@router.get("/models", operation_id="list_models", summary="List models", responses=errors())
async def list_models(caller: Reader, tersus: TersusDep, talk: ChatDep) -> ModelList:
    """The endpoint's models, where it lists them, and each collection with the settings' model."""
    return ModelList(data=await _models(caller, tersus, talk))


@router.get("/models/{model:path}", operation_id="get_model", summary="Show a model", responses=errors(404))
async def get_model(model: str, caller: Reader, tersus: TersusDep, talk: ChatDep) -> ModelOut:
    """One of those that are listed."""
    for one in await _models(caller, tersus, talk):
        if one.id == model:
            return one
    raise UnknownModel(f"there is no model {model!r:.200}", hint="see: GET /v1/models")


async def _models(caller: Caller, tersus: Tersus, talk: Chat) -> list[ModelOut]:
    default = tersus.settings.llm_model

    def collections() -> list[str]:
        with tersus.database.session() as session:
            names = [one.collection.name for one in CollectionRepository(session).list()]
        return [name for name in names if caller.sees(name)]

    own = [ModelOut(id=f"{PREFIX}{name}/{default}") for name in await asyncio.to_thread(collections)]
    try:
        listed = await talk.upstream.models()
    except TersusError:  # many endpoints list none: ours can be asked all the same
        listed = [{"id": default}]
    return own + [ModelOut.model_validate(one) for one in listed if isinstance(one.get("id"), str)]
