"""``tersus calibrate``: from labelled questions to the threshold that keeps a risk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import TersusError
from .common import CompressorName, Json, UsageProblem, budget_from, open_tersus

if TYPE_CHECKING:
    from ...eval.calibrate import CalibrationSet
    from ...rag import Tersus
    from ...rag.ledger.tables import Collection

__all__ = ["OutputNotWritten", "calibrate"]


class OutputNotWritten(TersusError):
    """The file of ``--out`` cannot be written."""

    code = "output_not_written"


def calibrate(
    ctx: typer.Context,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", show_default=False,
            help="Labelled questions: JSON lines (.jsonl, .jsonl.gz), or a data set's name.",
        ),
    ] = None,
    risk: Annotated[
        list[float] | None,
        typer.Option(
            metavar="SHARE", show_default=False,
            help="Share of the questions that may lose their answer; repeatable. 0.05 by default.",
        ),
    ] = None,
    compressor: CompressorName = None,
    collection: Annotated[
        str | None,
        typer.Option(
            "--collection", "-c", metavar="NAME", show_default=False,
            help="Use it for this collection only; for any collection by default.",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Part of a data set that is given by name.")
    ] = "dev",
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", show_default=False, help="Read only the first N questions."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also test the promise on 200 random halves of the questions.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Write a JSON file instead of the database."
        ),
    ] = None,
    list_stored: Annotated[bool, typer.Option("--list", help="Show the stored calibrations.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Find how much must stay so that the answer is lost in at most a chosen share of questions.

    Scores every sentence of the labelled questions' passages and looks for the highest threshold that
    still keeps the promise (conformal risk control). 'tersus query --risk 0.05' then keeps whatever
    scores at least that. A risk of 0.05 needs 19 questions at least; a few hundred make the threshold
    steady.

    A line of the data is {"question", "answers": [...], "passages": [{"title", "text" or "sentences",
    "is_gold", "supporting", "answer_starts"}]}. A question loses its answer where no kept sentence holds
    one: by its marked place, else by its words, else by the supporting sentences. Questions whose
    passages hold no answer are left out and counted.

    The promise is for questions like these: take them from the traffic that you expect, with passages
    as your retriever returns them. On other questions the loss may be larger.
    """
    if list_stored:
        if data or risk or compressor or collection or out or check or limit:
            raise UsageProblem("--list only shows what is stored", hint="leave the other options out")
        _list(ctx, as_json)
        return
    if data is None:
        raise UsageProblem("there is nothing to calibrate on", hint="give labelled questions: --data FILE")
    if out is not None and collection is not None:
        raise UsageProblem("--out stores nothing for a collection", hint="give --out or --collection")
    risks = list(dict.fromkeys(risk or [0.05]))
    for one in risks:
        budget_from(None, None, one)
    from ...eval.data import read_examples
    from ...eval.data_files import data_file
    from .calibrate_report import describe, print_report

    examples = list(read_examples(data, limit, split=split))
    name = data_file(data, split).name.removesuffix(".gz").removesuffix(".jsonl")
    with open_tersus(ctx) as tersus:
        scored = _score(tersus, examples, risks, compressor, collection, out)
        calibrations = [scored.calibration(one) for one in risks]
        if out is None:
            from ...rag.ledger import CalibrationRepository

            with tersus.database.session(write=True) as session:
                place = _collection(session, collection)
                for calibration in calibrations:
                    CalibrationRepository(session).add(calibration, scored.compressor, name, place)
    report = describe(scored, calibrations, check=check) | {
        "collection": collection,
        "data": name,
        "out": None if out is None else str(out),
    }
    if out is not None:
        _write(out, scored.compressor, name, calibrations)
    if as_json:
        from .output import print_json

        print_json(report)
    else:
        print_report(report)


def _score(
    tersus: Tersus,
    examples: list[Any],
    risks: list[float],
    compressor: str | None,
    collection: str | None,
    out: Path | None,
) -> CalibrationSet:
    """Score the examples, once everything that can be refused before that long work was looked at."""
    from ...compressors import load_compressor
    from ...eval.calibrate import extractive, score_examples
    from ...eval.conformal import check_size
    from .calibrate_report import progress_bar

    name = compressor or tersus.settings.compressor
    chosen = extractive(load_compressor(name, **tersus.settings.options_of(name)))
    for risk in risks:
        check_size(len(examples), risk)
    if out is None:
        with tersus.database.session() as session:
            _collection(session, collection)
    elif not out.parent.is_dir():
        raise OutputNotWritten(f"{out} cannot be written: {out.parent} is no folder", hint="make it first")
    with progress_bar(f"scoring with {chosen.name}", len(examples)) as advance:
        return score_examples(chosen, examples, advance=advance)


def _collection(session: Any, name: str | None) -> Collection | None:
    from ...rag.ledger import CollectionRepository

    return None if name is None else CollectionRepository(session).require(name)


def _write(out: Path, compressor: str, data: str, calibrations: list[Any]) -> None:
    from ...compressors.calibration_json import calibration_dict

    values = {
        "compressor": compressor,
        "data": data,
        "calibrations": [calibration_dict(c) for c in calibrations],
    }
    try:
        out.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputNotWritten(f"{out} cannot be written: {reason}", hint="name another file") from error


def _list(ctx: typer.Context, as_json: bool) -> None:
    from ...rag.ledger import CalibrationRepository
    from .calibrate_report import print_stored, stored_dict
    from .output import print_json

    with open_tersus(ctx) as tersus, tersus.database.session() as session:
        found = [stored_dict(one) for one in CalibrationRepository(session).list()]
    if as_json:
        print_json({"calibrations": found})
    else:
        print_stored(found)
