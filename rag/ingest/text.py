"""Bytes to valid Unicode text: is it text at all, in which encoding, with which line ends."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from .readers_errors import FileBinary, FileEmpty, FileEncoding

__all__ = ["Decoded", "clean", "decode"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """``text`` as it will be stored, the ``encoding`` it was in (Python's name), and how many
    undecodable places of it were ``replaced`` by U+FFFD."""

    text: str
    encoding: str
    replaced: int = 0


# UTF-32 first: its little-endian mark begins with that of UTF-16.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = re.compile(
    rb"%PDF-\d|PK\x03\x04|\x7fELF|\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|\x1f\x8b\x08|BZh[1-9]1AY&SY"
    rb"|\xfd7zXZ|7z\xbc\xaf\x27|Rar!\x1a\x07|\xd0\xcf\x11\xe0\xa1\xb1|\x28\xb5\x2f\xfd|wOF[F2]"
)
# Control characters that text has: tab, line ends, form feed, backspace (overstrikes), escape (colours).
_CONTROL = bytes({*range(32), 127} - {*b"\t\n\v\f\r\b\x1b"})
_MAX_CONTROL_SHARE = 0.01
_DECLARED = re.compile(
    rb"""(?:coding|charset|encoding)\s*[:=]\s*["']?\s*([A-Za-z0-9][-\w.:]*)""", re.IGNORECASE | re.ASCII
)
# The Web's reading (WHATWG Encoding): whoever declares these means their Windows superset.
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
# Encodings in real use, by descending preference where the evidence is the same.
_NAMES = (
    "cp1252 cp932 gb18030 cp949 big5 euc_jp cp1251 koi8_r cp1250 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 "
    "cp874 iso8859_2 iso8859_5 iso8859_7 mac_roman cp437 cp850 cp866"
)
_CANDIDATES = _NAMES.split()
_MAX_MESS = 0.15  # charset-normalizer's "chaos": its measure of how unlike text the decoded text is
_SAMPLE = 1 << 16


def decode(data: bytes, *, declared: bool = False) -> Decoded:
    """Text of ``data``: byte order mark, else UTF-8, else a declared encoding, else detection.

    ``declared``: believe a charset named in the first 2048 bytes (HTML, XML, PEP 263), where it decodes.
    The text is normalised by `clean`, and every offset handed out later counts its characters.
    A file that is UTF-8 but for a few bytes stays UTF-8, with U+FFFD in their place.

    Raises FileEmpty (nothing but blanks), FileBinary and FileEncoding.
    """
    decoded = _decode(data, declared)
    text = clean(decoded.text)
    if not text.strip():
        raise FileEmpty("holds no text")
    return Decoded(text, decoded.encoding, decoded.replaced)


def clean(text: str) -> str:
    """Line ends to ``\\n``; NUL, lone surrogates and a byte order mark, which no database stores, removed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").removeprefix("\ufeff")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


_SURROGATES = re.compile("[\ud800-\udfff]")


def _decode(data: bytes, declared: bool) -> Decoded:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decode_marked(data[len(mark) :], encoding)
    _refuse_binary(data)
    if b"\x1b$" in data:  # a seven-bit Japanese encoding, which would pass for ASCII
        text = _try(data, "iso2022_jp_2")
        if text is not None:
            return Decoded(text, "iso2022_jp_2")
    text = _try(data, "utf-8")
    if text is not None:
        return Decoded(text, "utf-8")
    if declared and (name := _declared(data)) is not None:
        text = _try(data, name)
        if text is not None:
            return Decoded(text, name)
    return _mostly_utf8(data) or _detect(data)


def _decode_marked(body: bytes, encoding: str) -> Decoded:
    text = body.decode(encoding, "replace")
    replaced = text.count("\ufffd")
    controls = len(text) - len(text.translate(dict.fromkeys(_CONTROL)))
    if controls + replaced > _MAX_CONTROL_SHARE * len(text) + 1:
        raise FileBinary(f"begins with the mark of {encoding}, but is not text in it", hint=_BINARY_HINT)
    return Decoded(text, encoding, replaced)


_BINARY_HINT = "give text, Markdown, HTML or PDF files, each with its own suffix"


def _refuse_binary(data: bytes) -> None:
    if _MAGIC.match(data) or data[257:262] == b"ustar":
        raise FileBinary("is a binary file under the name of a text file", hint=_BINARY_HINT)
    if b"\0" in data:
        raise FileBinary(
            "holds NUL bytes, so it is no text", hint=_BINARY_HINT + "; UTF-16 needs its byte order mark"
        )
    controls = len(data) - len(data.translate(None, _CONTROL))
    if controls > _MAX_CONTROL_SHARE * len(data):
        raise FileBinary(f"holds {controls} control characters, so it is no text", hint=_BINARY_HINT)


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data[:2048])
    if found is None:
        return None
    try:
        info = codecs.lookup(found[1].decode("ascii"))
    except LookupError:
        return None
    # Codecs that are no text encodings (zip, hex, rot13), and UTF-16, which cannot have declared itself.
    if not info._is_text_encoding or info.name.startswith(("utf-", "idna", "punycode", "raw", "unicode")):
        return None
    return _SUPERSETS.get(info.name, info.name)


def _mostly_utf8(data: bytes) -> Decoded | None:
    text = data.decode("utf-8", "replace")
    replaced = text.count("\ufffd")
    intact = len(text) - len(text.encode("ascii", "ignore")) - replaced
    return Decoded(text, "utf-8", replaced) if intact >= 20 * replaced else None


def _detect(data: bytes) -> Decoded:
    from charset_normalizer import from_bytes

    # Only lines that are not ASCII tell encodings apart, and no encoding in question uses the line feed's
    # byte inside a character. A single endless line may be cut inside one (of at most four bytes).
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    for cut in range(4 if len(telling) > _SAMPLE else 1):
        matches = from_bytes(telling[: _SAMPLE - cut], cp_isolation=_CANDIDATES)
        sure = [match for match in matches if match.chaos <= _MAX_MESS]
        if not sure:
            continue
        best = min(sure, key=lambda match: (match.chaos, -match.coherence))
        near = {
            name
            for match in sure
            if match.chaos <= best.chaos + 0.01 and match.coherence >= best.coherence - 0.05
            for name in match.could_be_from_charset
        }
        for name in sorted(near, key=_preference):
            text = _try(data, name)
            if text is not None:
                return Decoded(text, name)
    raise FileEncoding("has an encoding that cannot be told with confidence", hint="save it as UTF-8")


def _preference(name: str) -> int:
    return _CANDIDATES.index(name) if name in _CANDIDATES else len(_CANDIDATES)
