"""Whether every number and name of a summary stands in its sources."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .amounts import Value, amounts, read_figures
from .names import CONNECTORS, identifiers, names, squeezed, undotted
from .words import WORD, content_keys, key

__all__ = ["Evidence", "sources_of", "unsupported"]

_NEAR = 2  # John F. Kennedy: words of a name stand side by side, or with one between them
_SHARE = 0.5  # of the best source's overlap in words: less makes no source


class Evidence:
    """What one source text supports; made once, asked for every sentence."""

    def __init__(self, text: str) -> None:
        self.words = content_keys(text)
        self._amounts: set[tuple[Value, str]] = set()
        for amount in amounts(text):
            for value in amount.values:
                # Of 12.03.1965 the figures, too.
                parts = value.replace(",", ".").split(".") if isinstance(value, str) else []
                for one in [value, *(v for part in parts if part for v in read_figures(part))]:
                    self._amounts |= {(one, ""), (one, amount.unit)}
        self._pieces = squeezed(text)
        self._places: dict[str, set[int]] = {}
        words = [w.group() for w in WORD.finditer(undotted(text)) if w.group() not in CONNECTORS]
        for place, word in enumerate(words):
            self._places.setdefault(key(word), set()).add(place)

    def lacks(self, sentence: str) -> set[tuple[int, int]]:
        """Where numbers, names and identifiers stand in ``sentence`` that do not stand here."""
        coded = identifiers(sentence)
        missing = {span for span in coded if not squeezed(sentence, [span]) <= self._pieces}
        for amount in amounts(sentence):
            held = any((value, amount.unit) in self._amounts for value in amount.values)
            if not (held or amount.loose or _inside(amount.start, coded)):
                missing.add((amount.start, amount.end))
        for name in names(sentence):
            if not (self._holds(name.keys) or _inside(name.start, coded)):
                missing.add((name.start, name.end))
        return missing

    def _holds(self, keys: Sequence[str]) -> bool:
        if any(k not in self._places for k in keys):
            return False
        near = range(-_NEAR, _NEAR + 1)
        return all(
            any(i + step in self._places[b] for i in self._places[a] for step in near)
            for a, b in pairwise(keys)
        )


def _inside(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def unsupported(summary: str, sources: Sequence[str]) -> list[str]:
    """Numbers, names and identifiers of a summary that stand in none of its sources, in order.

    - Numbers are compared by value: 1,000, 1000 and *one thousand* are one. 5% and 5 dollars need a source
      with that unit. *One*, *first* and *second* alone are not taken for numbers.
    - Names are words with capitals, except one that opens a sentence and is mostly written small. Case,
      accents, plural and possessive *s* do not count; the words of a longer name must stand together in
      one source. In scripts without capitals there are none to check.
    - Identifiers (URLs, code names, model numbers) must stand as they are, but for case and dashes.

    Whether the sentence says the truth of them, nobody checks.
    """
    evidence = [Evidence(text) for text in sources]
    missing = sources_of(summary, evidence)[1]
    return [summary[start:end] for start, end in sorted(missing)]


def sources_of(sentence: str, evidence: Sequence[Evidence]) -> tuple[tuple[int, ...], set[tuple[int, int]]]:
    """The texts that a sentence came from, by number, and what of it stands in none of them.

    These are the texts that share most words with it, at least half as many as the best, and such as hold
    a number or name that those lack.
    """
    words = content_keys(sentence)
    shared = [len(words & one.words) for one in evidence]
    best = max(shared, default=0)
    order = sorted(range(len(evidence)), key=lambda i: (-shared[i], i))
    sources: list[int] = []
    missing: set[tuple[int, int]] | None = None
    for i in order:
        if not missing and missing is not None and shared[i] < max(1, _SHARE * best):
            break
        lacks = evidence[i].lacks(sentence)
        rest = lacks if missing is None else missing & lacks
        if missing is None or rest < missing or shared[i] >= max(1, _SHARE * best):
            sources.append(i)
            missing = rest
    if missing is None:
        missing = Evidence("").lacks(sentence)
    return tuple(sorted(sources)), missing
