"""The right reader for what a data set's name says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InvalidInput
from ..data import DataDamaged, DataMissing, read_examples
from ..runs.questions import Question
from . import beir, hotpot, ledger, longbench, needle, pooled, squad

if TYPE_CHECKING:
    from ..runs.spec import RunSpec

__all__ = ["load_questions"]

_FILE = re.compile(r"[^\w.+-]+")


def load_questions(source: str, spec: RunSpec, *, data_dir: Path | None = None) -> dict[str, list[Question]]:
    """The questions of a data set under a name that a file may have; with ``spec.retrieve`` the passages
    are found among all of them.

    Raises:
        DataMissing, DataDamaged: it is not there, or does not follow its format.
        InvalidInput: it has no question, or names the same question twice.
    """
    name, questions = _load(source, spec, data_dir)
    if not questions:
        raise InvalidInput(f"{source} has no question", hint="look at --limit, --split and the file")
    ids = [question.example.id for question in questions]
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise InvalidInput(f"{source} has two questions with the id {twice!r}", hint="ids must be unique")
    return {_FILE.sub("-", name).strip("-.") or "data": questions}


def _load(source: str, spec: RunSpec, data_dir: Path | None) -> tuple[str, list[Question]]:
    kind, _, rest = source.partition(":")
    if kind == "needle" and rest:
        return f"needle-{Path(rest).stem}", needle.read(Path(rest), spec.limit or 20, spec.seed)
    if kind == "ledger":
        return f"ledger-{rest or 'all'}", ledger.read(rest or None, spec.limit)
    path = Path(source)
    if path.is_dir():
        return path.name, beir.read(path, spec.split, spec.limit, spec.retrieve or 10)
    if path.suffix == ".json":
        return path.stem, _pooled(_json(path, spec.limit), spec)
    if longbench.is_longbench(path):
        return path.name.split(".jsonl")[0], _pooled(longbench.read(path, spec.limit), spec)
    examples = read_examples(source, spec.limit, split=spec.split, data_dir=data_dir)
    name = path.name.split(".jsonl")[0]
    return name, _pooled([Question(example, {}) for example in examples], spec)


def _pooled(questions: Sequence[Question], spec: RunSpec) -> list[Question]:
    return pooled.retrieve(questions, spec.retrieve) if spec.retrieve else list(questions)


def _json(path: Path, limit: int | None) -> list[Question]:
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataMissing(f"there is no data file {path}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataDamaged(f"{path}: {error}", hint="HotpotQA's or SQuAD's JSON is expected") from error
    try:
        examples = squad.examples(whole) if isinstance(whole, dict) else hotpot.examples(whole)
        return [Question(example, {}) for example in islice(examples, limit)]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataDamaged(
            f"{path}: {type(error).__name__}: {error}", hint="HotpotQA's or SQuAD's JSON is expected"
        ) from error
