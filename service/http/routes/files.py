"""``POST /v1/collections/{name}/files``: files as multipart, ingested as a job."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Response, UploadFile

from ....errors import InvalidInput
from ....rag.api.errors import errors
from ....rag.api.jobs import JobOut
from ....rag.ingest.uploads import Upload, spool_name, upload_folder
from ....rag.ledger import CollectionRepository
from ..deps import Config, Jobs, TersusDep, Writer
from ..errors import TooMany
from ..once import json_answer
from .collections import CollectionName

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["documents"])


@router.post(
    "/collections/{name}/files",
    operation_id="add_files",
    summary="Store files",
    status_code=202,
    response_model=JobOut,
    responses=errors(404),
)
async def add_files(
    name: CollectionName,
    files: Annotated[list[UploadFile], File(description="Text, Markdown, HTML, PDF, by their names.")],
    caller: Writer,
    tersus: TersusDep,
    config: Config,
    jobs: Jobs,
) -> Response:
    """Read, cut, embed and store files in the background; a file's name is its document's id.

    The answer is the job: `GET /v1/jobs/{id}` says how far it is and which files were refused, and why.
    """
    caller.may(name)
    if len(files) > config.max_documents:
        raise TooMany(
            f"{len(files)} files, and {config.max_documents} are the most", hint="send fewer at once"
        )
    if unnamed := sum(not (file.filename or "").strip() for file in files):
        raise InvalidInput(f"{unnamed} files have no name", hint="name each: files=@report.pdf")

    def work() -> JobOut:
        with tersus.database.session() as session:
            CollectionRepository(session).require(name)
        folder = upload_folder(tersus.settings.home)
        uploads = _spool(folder, files)
        job = jobs.submit(
            "files",
            name,
            len(uploads),
            lambda tell: tersus.ingester.ingest_uploads(uploads, name, on_progress=tell),
            key_id=caller.key.id if caller.key else None,
            cleanup=lambda: shutil.rmtree(folder, ignore_errors=True),
        )
        return JobOut.of(job)

    return json_answer(await asyncio.to_thread(work), 202)


def _spool(folder: Path, files: list[UploadFile]) -> list[Upload]:
    """Copy what came to disk, under names of ours."""
    try:
        uploads = []
        for number, file in enumerate(files):
            given = file.filename or ""
            path = folder / spool_name(number, given)
            with path.open("wb") as out:
                shutil.copyfileobj(file.file, out, 2**20)
            uploads.append(Upload(given, path))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return uploads
