"""Which files are read, and as what: name to media type."""

from __future__ import annotations

from pathlib import PurePath

__all__ = ["HTML", "MARKDOWN", "PDF", "RST", "SUFFIXES", "XHTML", "media_type_of"]

HTML = "text/html"
MARKDOWN = "text/markdown"
PDF = "application/pdf"
RST = "text/x-rst"
XHTML = "application/xhtml+xml"

_PLAIN = """
.txt .text .log .adoc .asciidoc .org .tex .bib .po .srt .vtt .diff .patch .ini .cfg .conf .properties .c .h
.cc .cpp .cxx .hpp .cs .go .rs .java .kt .kts .scala .swift .rb .php .pl .pm .lua .r .jl .hs .ml .mli .clj .ex
.exs .erl .dart .m .sh .bash .zsh .fish .ps1 .bat .sql .graphql .proto .vue .svelte .jsx .ts .tsx .css .scss
.less .gradle .cmake .mk .tf
"""

# Suffix (lower case, with its dot) to media type. SVG, .env (secrets), office files, archives and images are
# left out on purpose.
SUFFIXES: dict[str, str] = {
    **dict.fromkeys(_PLAIN.split(), "text/plain"),
    ".rst": RST,
    ".py": "text/x-python",
    ".pyi": "text/x-python",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".toml": "application/toml",
    ".xml": "application/xml",
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdown": MARKDOWN,
    ".mkd": MARKDOWN,
    ".mdx": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": XHTML,
    ".pdf": PDF,
}

# Files that are text by custom and carry no suffix.
_NAMES = """
readme license licence copying notice authors contributors changelog changes news history todo install
makefile dockerfile jenkinsfile vagrantfile gemfile rakefile procfile
"""


def media_type_of(path: PurePath) -> str | None:
    """Media type by name alone, or None for a type that is not read."""
    suffix = path.suffix.lower()
    if suffix:
        return SUFFIXES.get(suffix)
    return "text/plain" if path.name.lower() in _NAMES.split() else None
