"""The bench's report for people: as tables in a terminal, and as Markdown."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .bench_exit_run import Report
from .bench_exit_table import Lines, target_lines, time_lines

__all__ = ["as_markdown", "print_report"]

_CAPTION = (
    "Means over n questions with their 95% bootstrap interval; a target is for the mean.\n"
    "n/a: cannot be asked of this compressor. kept: mean share of a question's tokens.\n"
    "oracle: the fewest tokens that hold an answer. HotpotQA and 2WikiMultihopQA, adaptive: only questions\n"
    "whose answer stands in the passages. MuSiQue stand-in: two-hop questions among 20 passages, half\n"
    "of the added ones nearest by BM25, in place of MuSiQue itself, which is not here.\n"
    "best peer: measured on other questions of the same kind, at the same ratio."
)
_TIME_CAPTION = (
    "One question at a time, all in one process in turns, at ratio 0.25 of 10 passages. Peer: LlamaIndex's\n"
    "SentenceEmbeddingOptimizer with the same MiniLM. In 95%: bootstrap intervals of the ratios."
)


def print_report(report: Report) -> None:
    """Both tables on standard output, those without a line left out."""
    out = Console()
    # Piped, there is no terminal whose width the tables would have to fit into.
    out = out if out.is_terminal else Console(width=200)
    for lines, title, caption in _tables(report):
        table = Table(title=title, caption=caption, caption_justify="left")
        for number, name in enumerate(lines[0]):
            left = number < _text_columns(lines)
            table.add_column(escape(name), justify="left" if left else "right", no_wrap=True)
        for line, following in zip(lines[1:], [*lines[2:], [" "]], strict=True):
            table.add_row(*map(escape, line), end_section=_text_columns(lines) > 1 and following[0] != "")
        out.print(table)


def as_markdown(report: Report) -> str:
    """Both tables with their titles and captions, columns of figures to the right."""
    return "\n".join(
        f"**{title}**\n\n{_grid(lines)}\n{caption.replace(chr(10), ' ')}\n"
        for lines, title, caption in _tables(report)
    )


def _tables(report: Report) -> list[tuple[Lines, str, str]]:
    both = (
        (target_lines(report.rows), "The targets of exit", _CAPTION),
        (time_lines(report.timed), "Seconds a query", _TIME_CAPTION),
    )
    return [(lines, title, caption) for lines, title, caption in both if lines]


def _grid(lines: Lines) -> str:
    text = _text_columns(lines)
    rule = ["---" if number < text else "---:" for number in range(len(lines[0]))]
    body = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in [body[0], rule, *body[1:]])


def _text_columns(lines: Lines) -> int:
    return 2 if lines[0][1] == "figure" else 1
