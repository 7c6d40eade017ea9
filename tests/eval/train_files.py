"""Train files of a few questions each, as the search for GemFilter's layer reads them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path


def write_train_files(folder: Path) -> Path:
    for name in ("hotpotqa", "2wikimultihopqa", "squad2", "nq-open", "qed"):
        rows = [
            {
                "id": f"{name}{i}",
                "question": f"Who wrote book {i}?",
                "answers": [f"Author {i}"],
                "passages": [
                    {
                        "title": f"Book {j}",
                        "sentences": ["It is long.", f"Author {j} wrote it.", "Nobody read it."],
                        "supporting": [1] if i == j else [],
                    }
                    for j in range(8)
                ],
                "source": name,
            }
            for i in range(8)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.train.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder
