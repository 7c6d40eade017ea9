"""Words as summaries and sources are compared by."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["WORD", "commonly_lower_case", "content_keys", "key"]

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

# Words that open sentences so often that their capital form is the more frequent one.
_OPENERS = """although additionally alternatively besides conversely consequently despite especially finally
    fortunately furthermore hence however i i'm i've i'd in interestingly lastly likewise meanwhile moreover
    nevertheless nonetheless notably otherwise sadly secondly similarly thankfully therefore thus
    ultimately unfortunately unlike whereas while yes"""
_OPENING = frozenset(_OPENERS.split())
_SHORTEST_CONTENT = 4  # of what is shorter, most are function words


def key(word: str) -> str:
    """A word without case, accents, possessive and plural s: ``Beyoncé's`` and ``BEYONCE`` are one."""
    plain = unicodedata.normalize("NFKD", word.replace("’", "'")).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = plain.removesuffix("'s").rstrip("'")
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain


def content_keys(text: str) -> set[str]:
    """The keys of its longer words."""
    words = (match.group() for match in WORD.finditer(text))
    return {key(word) for word in words if len(word) >= _SHORTEST_CONTENT}


@lru_cache(maxsize=4096)
def commonly_lower_case(word: str) -> bool:
    """Whether a word is more often written without a capital, as far as cl100k knows.

    Byte-pair encodings number their tokens by how early they were merged, which follows frequency: *guests*
    comes before *Guests*, *microsoft* after *Microsoft*. No word list is needed, but for adverbs that
    mostly open sentences. Of two forms that are not single tokens the shorter is the common one.
    """
    if word.lower().replace("’", "'") in _OPENING:
        return True
    import bpe_openai

    from ..tokens import valid_unicode

    encode = bpe_openai.get_encoding("cl100k_base").encode_ordinary
    lower, upper = (encode(valid_unicode(" " + form)) for form in (word.lower(), word))
    if len(lower) != len(upper):
        return len(lower) < len(upper)
    return len(lower) == 1 and lower[0] < upper[0]
