"""``python -m tersus.service.fuzz``: whatever the OpenAPI allows, and does not, sent to the service.

Every operation gets generated requests, valid and invalid, with and without an API key; each answer is held
against the schema: no unhandled error (500), no status, content type or body that is not documented, and
nothing but 401 without a key where keys are needed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..eval.load.upstream import Upstream
from ..rag import Settings, Tersus
from ..rag.keys import KeyRepository
from .http.app import create_app
from .http.config import ServeConfig

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Fuzzed", "Service", "fuzz", "main", "service"]

_OPEN = ("/healthz", "/readyz", "/metrics")
_WITHOUT_KEY = (400, 401, 413, 422)  # the body is read before anything is asked for


@dataclass(slots=True)
class Fuzzed:
    """What came of it: requests and answers by status, and every finding in words."""

    requests: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Service:
    """``app`` makes the application, anew for each run: reading its schema also starts and stops it."""

    app: Callable[[], FastAPI]
    tersus: Tersus
    admin: str
    bound: str


@contextmanager
def service(home: Path) -> Iterator[Service]:
    """A service with keys over a small collection."""
    with Upstream() as upstream:
        settings = Settings(
            home=home, tokenizer="cl100k", compressor="similarity", llm_base_url=upstream.url,
            llm_model="fake", llm_timeout=5,
        )  # fmt: skip
        with Tersus(settings, background=False) as tersus:
            from ..rag.ingest.readers_document import ParsedDocument

            text = "The moon pulls the sea. Tides follow the moon twice a day."
            tersus.ingester.ingest_documents([ParsedDocument("d", "Tides", text, "text/plain", 1)], "docs")
            with tersus.database.session(write=True) as session:
                keys = KeyRepository(session)
                admin, _ = keys.create("admin", ["admin"])
                bound, _ = keys.create("bound", ["read"], collections=["elsewhere"])
            config = ServeConfig(warm=False, max_body_mb=1, max_documents=20, max_passages=50)
            yield Service(lambda: create_app(tersus, config), tersus, admin, bound)


def fuzz(make: Callable[[], FastAPI], headers: Mapping[str, str], examples: int, seed: int = 0) -> Fuzzed:
    """Send ``examples`` requests to each operation with these headers, and check what comes back."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis.errors import Unsatisfiable
    from schemathesis import GenerationMode, checks
    from schemathesis.core.failures import FailureGroup
    from starlette.testclient import TestClient

    schema = schemathesis.openapi.from_asgi("/openapi.json", make())
    wanted = [
        checks.CHECKS.get_one(name)
        for name in (
            "not_a_server_error", "status_code_conformance", "content_type_conformance",
            "response_headers_conformance", "response_schema_conformance",
        )
    ]  # fmt: skip
    found = Fuzzed()
    client = TestClient(make(), raise_server_exceptions=False)

    def run(operation: Any, mode: GenerationMode) -> None:
        @seeded(seed)
        @settings(
            max_examples=max(1, examples // 2), database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            if found.requests % 2:  # names that are there are never guessed
                _name_what_is_there(case)
            try:
                response = case.call(session=client, headers=dict(headers))
            except Exception as error:  # noqa: BLE001 - what the service did not catch
                found.findings.append(f"{operation.label}: 500: {error!r}")
                return
            status = response.status_code
            found.requests += 1
            found.statuses[status] = found.statuses.get(status, 0) + 1
            if not headers and operation.path not in _OPEN and not _refused(status, response.text):
                found.findings.append(f"{operation.label}: {status} without a key")
            try:
                case.validate_response(response, checks=wanted)
            except (AssertionError, FailureGroup, Exception) as error:  # noqa: BLE001 - told all together
                found.findings.append(f"{operation.label}: {status}: {str(error)[:1500]}")

        send()

    operations: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    for operation in sorted(operations, key=lambda one: one.method.lower() == "delete"):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # there is nothing to be wrong about
                run(operation, mode)
    return found


def _name_what_is_there(case: Any) -> None:
    for place, name, there in (
        (case.path_parameters, "name", "docs"),
        (case.path_parameters, "document_id", "d"),
        (case.body, "collection", "docs"),
        (case.query, "collection", "docs"),
    ):
        if isinstance(place, dict) and name in place:
            place[name] = there
    if isinstance(case.body, dict) and "messages" in case.body:
        case.body["model"] = "tersus/docs/fake"


def _refused(status: int, text: str) -> bool:
    """Whether nobody got anything: no key, a body that cannot be read, or no such route."""
    return status in (*_WITHOUT_KEY, 405) or (status == 404 and '"code":"not_found"' in text)


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz as an admin, as a bound reader and as nobody. Returns 0 where nothing was found, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tersus.service.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="of each operation (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    count = 0
    with tempfile.TemporaryDirectory() as home, service(Path(home)) as made:
        for name, headers in (
            ("admin", {"Authorization": f"Bearer {made.admin}"}),
            ("bound reader", {"Authorization": f"Bearer {made.bound}"}),
            ("nobody", {}),
        ):
            found = fuzz(made.app, headers, options.examples, options.seed)
            statuses = ", ".join(f"{status}: {n:,}" for status, n in sorted(found.statuses.items()))
            sys.stdout.write(f"{name}: {found.requests:,} requests ({statuses})\n")
            for finding in dict.fromkeys(found.findings):
                sys.stdout.write(f"  {finding}\n")
            count += len(found.findings)
    sys.stdout.write(f"{count} findings\n")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
