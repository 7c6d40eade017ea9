"""The client for threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import update_wrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx
from pydantic import BaseModel

from ..api.jobs import JobOut
from .calls import Call, Calls
from .errors import Unreachable, check
from .events import QueryEvent, Reader
from .patience import pause
from .wire import again, arguments, unreachable

__all__ = ["TersusClient"]

P = ParamSpec("P")
T = TypeVar("T", bound=BaseModel)


def _sent(make: Callable[Concatenate[Calls, P], Call[T]]) -> Callable[Concatenate[TersusClient, P], T]:
    """The call as a method that sends it."""

    def send(self: TersusClient, /, *arguments: P.args, **options: P.kwargs) -> T:
        return self.send(make(_CALLS, *arguments, **options))

    update_wrapper(send, make)
    return send


class TersusClient:
    """One method for every operation of the API; safe to share between threads.

    Calls that may be repeated are, after 429, 502 to 504 and lost connections: they carry an idempotency key
    where they would otherwise be done twice.

    Args:
        base_url: of the service, such as ``http://127.0.0.1:8484``.
        api_key: where the service asks for one.
        timeout: seconds until the first, and between any two bytes of an answer.
        attempts: in all, of a call that may be repeated.
        http: a client of your own in place of one made here (``base_url`` and key are yours to set then).

    Raises (from every method):
        ApiError: what the service says. Unreachable: it says nothing.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8484",
        api_key: str | None = None,
        *,
        timeout: float = 120.0,
        attempts: int = 4,
        http: httpx.Client | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = http or httpx.Client(base_url=base_url, headers=headers, timeout=timeout)
        self._attempts = max(1, attempts)

    create_collection = _sent(Calls.create_collection)
    list_collections = _sent(Calls.list_collections)
    get_collection = _sent(Calls.get_collection)
    delete_collection = _sent(Calls.delete_collection)
    add_documents = _sent(Calls.add_documents)
    queue_documents = _sent(Calls.queue_documents)
    list_documents = _sent(Calls.list_documents)
    get_document = _sent(Calls.get_document)
    delete_document = _sent(Calls.delete_document)
    list_jobs = _sent(Calls.list_jobs)
    get_job = _sent(Calls.get_job)
    cancel_job = _sent(Calls.cancel_job)
    retrieve = _sent(Calls.retrieve)
    compress = _sent(Calls.compress)
    query = _sent(Calls.query)
    list_queries = _sent(Calls.list_queries)
    get_query = _sent(Calls.get_query)
    savings = _sent(Calls.savings)
    list_compressors = _sent(Calls.list_compressors)
    list_evaluations = _sent(Calls.list_evaluations)
    get_evaluation = _sent(Calls.get_evaluation)

    def add_files(self, name: str, paths: list[Path]) -> JobOut:
        """Send files, named as they are called; the job that ingests them."""
        return self.send(_CALLS.add_files(name, [(path.name, path.read_bytes()) for path in paths]))

    def wait_for_job(self, job_id: str, seconds: float = 3600, every: float = 0.5) -> JobOut:
        """The job once it has ended. Raises TimeoutError where it has not within ``seconds``."""
        deadline = time.monotonic() + seconds
        while (job := self.get_job(job_id)).state in ("queued", "running"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job_id} is {job.state} after {seconds:g} s")
            time.sleep(every)
        return job

    def stream_query(self, query: str, collection: str, **options: Any) -> Iterator[QueryEvent]:
        """The context, the answer's pieces, the whole answer; options as for ``query``."""
        call = _CALLS.query(query, collection, stream=True, **options)
        reader = Reader()
        try:
            with self._http.stream(call.method, call.path, **arguments(call)) as response:
                if response.status_code >= 400:
                    response.read()
                check(response)
                for line in response.iter_lines():
                    if (found := reader.feed(line)) is not None:
                        yield found
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        if not reader.ended:
            raise Unreachable("the stream broke off", hint="ask again")

    def send(self, call: Call[T]) -> T:
        """Send a call, again where that helps, and read its answer."""
        for attempt in range(self._attempts):
            last = attempt == self._attempts - 1
            try:
                response = self._http.request(call.method, call.path, **arguments(call))
            except httpx.HTTPError as error:
                if last or not call.repeatable:
                    raise unreachable(error) from error
                time.sleep(pause(attempt, None))
                continue
            if last or not again(call, response):
                return call.answer.model_validate_json(check(response).content)
            time.sleep(pause(attempt, response))
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> TersusClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_CALLS = Calls()
