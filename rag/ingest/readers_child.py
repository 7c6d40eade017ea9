"""The process that parses PDF and HTML, so that a hostile file can only bring down this one.

Run by `readers_worker` as ``python -P -m tersus.rag.ingest.readers_child``. Both ways a frame is eight bytes
of length (big-endian) and that many bytes. In: a JSON header, then the file's bytes. Out: JSON, either the
parsed fields or {"error": code, "message": ..., "hint": ...}; after the start-up a first {"ready": true}.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import struct
import sys
import threading
from dataclasses import asdict
from typing import BinaryIO

# Imported before the first file: a missing package is a failed start, not a damaged file.
import bs4  # noqa: F401
import markdownify  # noqa: F401
import pypdf  # noqa: F401

from .html import html_to_markdown
from .pdf import pdf_to_text
from .readers_errors import FileDamaged, FileRefused
from .text import clean, decode

OUT_OF_MEMORY = 3
"""The exit status of a process that ran out of the memory it is allowed."""

# Every level of nested elements takes three Python frames: some thousand levels, which no honest page has.
_RECURSION = 4000
_STACK = 256 * 1024 * 1024


def parse(kind: str, data: bytes) -> dict[str, object]:
    """Fields of one parsed file, ``kind`` "pdf" or "html"; raises FileRefused and whatever parsers raise."""
    if kind == "pdf":
        return asdict(pdf_to_text(data))
    page = decode(data, declared=True)
    title, text = html_to_markdown(page.text)
    return {"title": title, "text": clean(text), "encoding": page.encoding, "replaced": page.replaced}


def answer(kind: str, data: bytes) -> dict[str, object]:
    """`parse`, with every failure told as data."""
    try:
        return parse(kind, data)
    except FileRefused as error:
        refused = error
    except RecursionError:
        refused = FileDamaged("nests its parts too deeply", hint="simplify the file")
    except MemoryError:
        raise  # there may not be memory left to say so
    except Exception as error:  # noqa: BLE001 - a parser may raise anything on a broken file
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        refused = FileDamaged(f"cannot be parsed ({detail})", hint="check that the file is complete")
    return {"error": refused.code, "message": refused.message, "hint": refused.hint}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer one request after the other until ``source`` ends."""
    _write(sink, {"ready": True})
    while (header := _read(source)) is not None and (data := _read(source)) is not None:
        request = json.loads(header)
        _limit("RLIMIT_AS", request["memory"])
        _limit("RLIMIT_CPU", int(sum(os.times()[:2]) + request["seconds"]) + 2)
        _write(sink, answer(request["kind"], data))
        del data


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(8)
    return source.read(struct.unpack(">Q", head)[0]) if len(head) == 8 else None


def _write(sink: BinaryIO, fields: dict[str, object]) -> None:
    # Escaped to ASCII: what a broken file holds must not make the answer unwritable.
    body = json.dumps(fields).encode("ascii")
    sink.write(struct.pack(">Q", len(body)) + body)
    sink.flush()


def _limit(name: str, value: int) -> None:
    # Not every system has these limits, or lets them be set; the parent's clock holds everywhere.
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _run(source: BinaryIO, sink: BinaryIO) -> None:
    try:
        serve(source, sink)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def main() -> None:
    """Entry point of the process."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing that a parser prints may get between the frames
    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(_RECURSION)
    threading.stack_size(_STACK)
    thread = threading.Thread(target=_run, args=(source, sink))
    thread.start()
    thread.join()


if __name__ == "__main__":
    main()
