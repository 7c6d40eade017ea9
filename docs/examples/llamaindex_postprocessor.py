"""Tersus in a LlamaIndex query engine, with everything local: no key, no network.

python docs/examples/llamaindex_postprocessor.py
python docs/examples/llamaindex_postprocessor.py --service http://127.0.0.1:8484    # after: tersus serve
"""

from __future__ import annotations

import argparse

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from tersus.rag.embedding import load_embedding
from tersus.rag.llamaindex import METADATA_KEY, TersusPostprocessor
from tersus.rag.llamaindex_service import TersusServicePostprocessor
from tersus.rag.local_llm import LocalLLM

TEXTS = {
    "The lighthouse of Norrvik": (
        "The lighthouse of Norrvik was built in 1887 by the engineer Astrid Holm. Its tower is painted white "
        "with one red band. Gulls nest on the roof of the keeper's house in spring."
    ),
    "The ferry": (
        "A ferry calls at the island on Tuesdays and Fridays. It carries mail and milk. "
        "In winter it needs an ice breaker."
    ),
    "Bread": (
        "Rye bread needs a sourdough that is two days old. Bake it for seventy minutes at 190 degrees."
    ),
}


def main() -> None:
    """Ask one question, and say what was kept and saved."""
    parser = argparse.ArgumentParser()
    parser.add_argument("question", nargs="?", default="Who built the lighthouse of Norrvik?")
    parser.add_argument("--service", help="address of a running service; in this process without it")
    options = parser.parse_args()

    documents = [Document(text=text, metadata={"title": title}) for title, text in TEXTS.items()]
    index = VectorStoreIndex.from_documents(documents, embed_model=load_embedding())
    shrink: BaseNodePostprocessor = TersusPostprocessor(ratio=0.4)
    if options.service:
        shrink = TersusServicePostprocessor(base_url=options.service, ratio=0.4)
    engine = index.as_query_engine(
        llm=LocalLLM(max_new_tokens=48), similarity_top_k=3, node_postprocessors=[shrink]
    )
    response = engine.query(options.question)
    print("answer:", str(response).strip())  # noqa: T201 - an example
    for node in response.source_nodes:
        print("kept:", node.node.get_content())  # noqa: T201
    account = response.source_nodes[0].node.metadata.get(METADATA_KEY)
    if account:
        print("tokens:", account["tokens_before"], "->", account["tokens_after"])  # noqa: T201


if __name__ == "__main__":
    main()
