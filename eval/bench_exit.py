"""``python -m tersus.eval.bench_exit``: the targets of ``exit``, and what it and the baselines reach."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from ..compressors import counter_name, load_counter
from ..errors import InvalidInput, TersusError
from .bench_exit_report import as_markdown, print_report
from .bench_exit_run import SECONDS, Report, draw, run
from .bench_options import limit, load, names
from .targets import PARTS, Corpus

__all__ = ["COMPRESSORS", "main"]

COMPRESSORS = ("exit", "exit:hops=1", "similarity", "bm25", "head")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench. Whether targets are met stands in the report; it is no error to miss one.

    Returns:
        0 when every question was done, also where data sets are absent and were skipped;
        1 when a compressor failed on a question; 2 when the run could not start or go on.
    """
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    report = Report()
    status = 0
    try:
        with ExitStack() as files:
            lost, markdown = (_writable(path, files) for path in (options.failures, options.markdown))
            compressors = {spec: load(spec) for spec in options.compressors}
            corpus = Corpus(options.split, data_dir=options.data_dir, seed=options.seed)
            questions = draw(options.parts, corpus, limit=options.limit, timed=options.timed, notes=notes)
            if questions:
                run(report, questions, compressors, seed=options.seed, lost=lost, notes=notes)
            if markdown:
                markdown.write(as_markdown(report))
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        status = 2
    if options.json:
        sys.stdout.write(json.dumps(_json(options, report), indent=2, ensure_ascii=False) + "\n")
    else:
        print_report(report)
    for who, failures in report.failures():
        said = f"{who} failed on {len(failures)} questions, first on {failures[0].id}:"
        notes.print(escape(f"{said}\n{failures[0].traceback}"), highlight=False, soft_wrap=True)
        status = status or 1
    return status


def _json(options: argparse.Namespace, report: Report) -> dict[str, object]:
    return {
        "counter": counter_name(load_counter()),
        "split": options.split,
        "limit": options.limit,
        "seed": options.seed,
        "threads": _threads(),
        **report.as_dict(),
    }


def _threads() -> int | None:
    """Torch's threads, which the seconds depend on; None where nothing has loaded it."""
    torch = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())


def _writable(path: str | None, files: ExitStack) -> TextIO | None:
    """The file opened before the work, so that an impossible path is told at once.

    Raises:
        InvalidInput: it cannot be written.
    """
    if path is None:
        return None
    try:
        return files.enter_context(Path(path).open("w", encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}", hint="name a file in a folder that exists"
        ) from error


def _parts(text: str) -> list[str]:
    known = [*PARTS, SECONDS]
    found = names(text)
    if unknown := [name for name in found if name not in (*known, "all")]:
        raise argparse.ArgumentTypeError(f"there is no part {unknown[0]!r}; there are: {', '.join(known)}")
    return known if "all" in found else found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.bench_exit", description=__doc__)
    parser.add_argument(
        "--compressors",
        type=names,
        default=list(COMPRESSORS),
        help="separated by commas, as NAME:OPTION=VALUE; the first is held against the targets "
        f"(default: {','.join(COMPRESSORS)})",
    )
    parser.add_argument(
        "--parts", type=_parts, default=[*PARTS, SECONDS], help=f"all, or of: {', '.join((*PARTS, SECONDS))}"
    )
    parser.add_argument("--split", default="dev", help="default: dev")
    parser.add_argument("--limit", type=limit, help="questions of each part (default: all)")
    parser.add_argument("--timed", type=limit, default=50, help="questions to take the time on (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of added passages and bootstrap (default: 0)")
    parser.add_argument(
        "--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables as Markdown, too")
    parser.add_argument(
        "--failures", metavar="FILE", help="write what the first compressor lost, as JSON lines, to be read"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
