"""Summaries that a model writes: asked for, cut to the limit, checked against their sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...errors import InvalidInput
from ..segment import split
from ..tokens import load_counter, valid_unicode
from .extractive import SHARE, ExtractiveSummariser
from .faithful import Evidence, sources_of
from .types import SummariserFailed, Summary, SummaryJob, SummarySentence

__all__ = ["Writer", "Written", "WrittenSummariser"]

_PLACES = re.compile(r"\{(text|query|words)\}")
_MARKER = re.compile(r"(?m)^[ \t]*(?:[-*•–]|\d{1,2}[.)])[ \t]+|^[ \t]*#{1,6}[ \t]+|\*\*")
_THOUGHT = re.compile(r"(?s)\A\s*<think>.*?</think>")
_PREFACE = re.compile(r"(?i)\A[^\n]{0,80}:[ \t]*\n+(?=\S)|\A(?:summary|answer):\s*")
_WORDS_A_TOKEN = 0.7
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Written:
    """One answer of a writer. ``cut``: it was stopped at its limit; ``tokens``: read and written together."""

    text: str
    tokens: int = 0
    cut: bool = False


class Writer(Protocol):
    """A model that answers prompts."""

    @property
    def name(self) -> str:
        """Its name, as shown and recorded."""

    @property
    def fingerprint(self) -> str:
        """What changes when its answers may."""

    def room(self, limit: int) -> int:
        """Most tokens of a prompt, by its own count, where an answer of ``limit`` tokens follows."""

    def count(self, text: str) -> int:
        """Tokens of a text, by its own tokenizer."""

    def write(self, prompts: Sequence[str], limits: Sequence[int]) -> Sequence[Written]:
        """One answer a prompt, of about ``limits[i]`` tokens at most. Raises a TersusError if it cannot."""


class WrittenSummariser:
    """Lets a writer summarise, and takes the extractive summary wherever the written one cannot stand.

    It cannot where it holds a number, name or identifier that its sources do not
    (:func:`.faithful.unsupported`), is empty, is no shorter than the texts, or has no whole sentence within
    ``max_tokens``. ``Summary.fallback`` then says which. A failing writer raises.

    Texts that the writer's window does not hold are first reduced to their most central sentences.

    Args:
        writer: the model.
        prompt: ``{text}`` stands for the texts, and must be in it; ``{words}`` for the length asked for,
            ``{query}`` for the job's query.
        query_prompt: of jobs that have a query; ``prompt`` by default.
        extractive: writes the fallbacks.

    Raises:
        InvalidInput: a prompt without ``{text}``.
    """

    def __init__(
        self,
        writer: Writer,
        prompt: str,
        *,
        query_prompt: str | None = None,
        extractive: ExtractiveSummariser | None = None,
    ) -> None:
        for one in (prompt, query_prompt):
            if one is not None and "{text}" not in one:
                raise InvalidInput("the prompt does not say where the text goes", hint="put {text} into it")
        self.writer = writer
        self.prompt = prompt
        self.query_prompt = query_prompt or prompt
        self.extractive = extractive or ExtractiveSummariser()

    @property
    def name(self) -> str:
        """The writer's."""
        return self.writer.name

    @property
    def fingerprint(self) -> str:
        """Writer, prompts and what writes the fallbacks."""
        import hashlib

        prompts = hashlib.sha256(f"{self.prompt}\0{self.query_prompt}".encode("utf-8", "replace"))
        return f"{self.writer.fingerprint}:{prompts.hexdigest()[:12]}:{self.extractive.fingerprint}"

    def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
        """One summary a job, in order.

        Raises:
            SummariserFailed: the writer raised an error, or did not give one text a prompt.
        """
        limits = [_limit(job) for job in jobs]
        prompts = [self._prompt(job, limit) for job, limit in zip(jobs, limits, strict=True)]
        asked = [i for i, prompt in enumerate(prompts) if prompt]
        answers = self.writer.write([prompts[i] for i in asked], [limits[i] for i in asked]) if asked else []
        if len(answers) != len(asked):
            raise SummariserFailed(f"{self.name} gave {len(answers)} summaries for {len(asked)} prompts")
        written = dict(zip(asked, answers, strict=True))
        checked = [self._checked(job, written.get(i)) for i, job in enumerate(jobs)]
        again = [i for i, summary in enumerate(checked) if summary.fallback]
        for i, instead in zip(again, self.extractive.summarise([jobs[i] for i in again]), strict=True):
            checked[i] = Summary(instead.sentences, checked[i].tokens_used, checked[i].fallback)
        return checked

    def _prompt(self, job: SummaryJob, limit: int) -> str:
        """Empty where there is nothing to ask, or no sentence fits into the window."""
        text = "\n\n".join(part.strip() for part in job.texts if part.strip())
        prompt = self._filled(job, text, limit) if text else ""
        room = self.writer.room(limit)
        if prompt and self.writer.count(prompt) > room:
            left = room - self.writer.count(self._filled(job, "", limit)) - 8
            if left < 1:
                return ""
            reduced = SummaryJob(job.texts, job.query, max_tokens=left, counter=self.writer.count)
            text = self.extractive.summarise([reduced])[0].text
            prompt = self._filled(job, text, limit) if text else ""
        return prompt

    def _filled(self, job: SummaryJob, text: str, limit: int) -> str:
        query = job.query.strip()
        parts = {"text": text, "query": query, "words": str(max(5, round(limit * _WORDS_A_TOKEN)))}
        template = self.query_prompt if query else self.prompt
        return valid_unicode(_PLACES.sub(lambda match: parts[match[1]], template))

    def _checked(self, job: SummaryJob, written: Written | None) -> Summary:
        """The written summary, or one without sentences that says why not."""
        if not any(text.strip() for text in job.texts):
            return Summary(())
        if written is None:
            return Summary((), 0, "no sentence fits into the model's window")
        counter = job.counter or load_counter()
        text = _plain(written.text)
        sentences = [text[s.start : s.end] for s in split(text)]
        sentences = sentences[:-1] if written.cut else sentences
        found = [sentences[:count] for count in range(len(sentences), 0, -1)]
        limit = job.max_tokens
        fitting = next((f for f in found if limit is None or counter(" ".join(f)) <= limit), [])
        reason = None
        if not text:
            reason = "the model wrote nothing"
        elif not fitting:
            reason = (
                "it wrote no whole sentence" if limit is None else f"no sentence fits into {limit} tokens"
            )
        elif counter(" ".join(fitting)) >= sum(counter(part) for part in job.texts):
            reason = "the summary was no shorter than the texts"
        if reason:
            return Summary((), written.tokens, reason)
        evidence = [Evidence(part) for part in job.texts]
        traced = [sources_of(sentence, evidence) for sentence in fitting]
        lacking = [
            s[a:b] for s, (_, missing) in zip(fitting, traced, strict=True) for a, b in sorted(missing)
        ]
        if lacking:
            more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
            return Summary((), written.tokens, f"not in the sources: {', '.join(lacking[:_NAMED])}{more}")
        pairs = zip(fitting, traced, strict=True)
        return Summary(tuple(SummarySentence(s, sources) for s, (sources, _) in pairs), written.tokens)


def _limit(job: SummaryJob) -> int:
    if job.max_tokens is not None:
        return job.max_tokens
    counter = job.counter or load_counter()
    return max(16, round(SHARE * sum(counter(text) for text in job.texts)))


def _plain(text: str) -> str:
    """Without thoughts, prefaces ("Here is a summary:"), marks of lists and quotes around all of it."""
    text = _PREFACE.sub("", _THOUGHT.sub("", text).strip())
    text = _MARKER.sub("", text).strip()
    return (
        text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1] else text
    )
