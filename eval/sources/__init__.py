"""Where the questions of a run come from: one file a format, all to the same :class:`Question`.

A data set of a run is one of:

- a name (``hotpotqa``) or a file (``.jsonl``, ``.jsonl.gz``) in the schema of :mod:`tersus.eval.data`;
- a ``.json`` file as HotpotQA or SQuAD publish theirs;
- a ``.jsonl`` file as LongBench publishes its own (``input``, ``context``, ``answers``);
- a folder as BEIR has it (``corpus``, ``queries``, ``qrels``): the whole of retrieval is measured;
- ``needle:FILE``: facts hidden in a text of yours;
- ``ledger:SINCE``: queries that were recorded, ``ledger:7d``.
"""

from __future__ import annotations

from .load import load_questions

__all__ = ["load_questions"]
