"""The LlamaIndex door: copies with their account, never a changed or a broken node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import ImageNode, MetadataMode, NodeWithScore, QueryBundle, TextNode
from tersus.compressors import CompressedPassage, Compressor, Draft, Task, load_counter
from tersus.errors import InvalidInput, TersusError
from tersus.rag import llamaindex
from tersus.rag.llamaindex import METADATA_KEY, TersusPostprocessor

QUESTION = "Who wrote Dune?"
TEXTS = [
    "Frank Herbert wrote Dune in 1965. He was born in Tacoma. It rained on that day.",
    "Cats purr when they are content. Dogs bark at night. Owls hoot.",
    "The author of Dune is Frank Herbert. The book won prizes. It is long.",
]


def _nodes() -> list[NodeWithScore]:
    return [
        NodeWithScore(
            node=TextNode(
                text=text,
                id_=f"node-{i}",
                metadata={"title": f"Title {i}", "secret": "hidden"},
                excluded_llm_metadata_keys=["secret"],
            ),
            score=0.9 - i / 10,
        )
        for i, text in enumerate(TEXTS)
    ]


def _context(nodes: list[NodeWithScore]) -> str:
    return "\n\n".join(n.node.get_content(metadata_mode=MetadataMode.LLM) for n in nodes)


class Raising(Compressor):
    name = "raising"

    def _compress_batch(self, tasks: Any) -> Any:
        raise RuntimeError("broken")


class Nothing(Compressor):
    name = "nothing"

    def _compress_batch(self, tasks: Sequence[Task]) -> list[Draft]:
        return [Draft([CompressedPassage.of(p, []) for p in task.passages], "nothing fits") for task in tasks]


def test_nodes_come_back_as_copies_with_ids_order_scores_and_spans() -> None:
    given = _nodes()
    before = [node.model_dump() for node in given]
    out = TersusPostprocessor(ratio=0.4).postprocess_nodes(given, query_str=QUESTION)
    assert [node.model_dump() for node in given] == before
    assert 0 < len(out) <= len(given)
    by_id = {node.node_id: node for node in given}
    assert [n.node_id for n in out] == [n.node_id for n in given if n.node_id in {o.node_id for o in out}]
    for node in out:
        original = by_id[node.node_id]
        account = node.metadata[METADATA_KEY]
        assert node.score == original.score
        assert node.text == " ".join(original.text[s["start"] : s["end"]] for s in account["kept"])
        assert METADATA_KEY not in original.metadata
    assert "Frank Herbert wrote Dune in 1965." in _context(out)
    assert "Cats purr" not in _context(out)


def test_tokens_are_counted_as_llama_index_sends_them_and_the_account_is_not_sent() -> None:
    given = _nodes()
    out = TersusPostprocessor(ratio=0.4).postprocess_nodes(given, query_str=QUESTION)
    count = load_counter("cl100k")
    account = out[0].metadata[METADATA_KEY]
    assert account["tokens_before"] == count(_context(given))
    assert account["tokens_after"] == count(_context(out)) < account["tokens_before"]
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert METADATA_KEY not in out[0].node.get_content(metadata_mode=mode)
    assert "hidden" not in out[0].node.get_content(metadata_mode=MetadataMode.LLM)


@pytest.mark.parametrize("broken", [Raising, Nothing])
def test_the_original_nodes_come_back_where_compression_fails_or_leaves_nothing(
    broken: type[Compressor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llamaindex, "load_compressor", lambda _name, **_options: broken())
    given = _nodes()
    assert TersusPostprocessor(ratio=0.4).postprocess_nodes(given, query_str=QUESTION) == given


def test_no_nodes_no_question_and_nodes_without_text_pass_through() -> None:
    postprocessor = TersusPostprocessor(ratio=0.4)
    assert postprocessor.postprocess_nodes([], query_str=QUESTION) == []
    given = _nodes()
    assert postprocessor.postprocess_nodes(given) == given
    assert postprocessor.postprocess_nodes(given, QueryBundle("  ")) == given
    picture = NodeWithScore(node=ImageNode(image="aGk=", id_="picture"), score=0.5)
    out = postprocessor.postprocess_nodes([given[0], picture, given[2]], query_str=QUESTION)
    assert picture in out
    assert [n.node_id for n in out].index("picture") == (1 if out[0].node_id == "node-0" else 0)


def test_the_same_node_twice_is_two_passages() -> None:
    node = _nodes()[0]
    out = TersusPostprocessor(ratio=0.5).postprocess_nodes([node, node], query_str=QUESTION)
    assert {n.node_id for n in out} == {"node-0"}


async def test_async_and_threads_give_what_a_single_call_gives() -> None:
    postprocessor = TersusPostprocessor(ratio=0.4)
    alone = _context(postprocessor.postprocess_nodes(_nodes(), query_str=QUESTION))
    assert _context(await postprocessor.apostprocess_nodes(_nodes(), query_str=QUESTION)) == alone
    many = await asyncio.gather(
        *(postprocessor.apostprocess_nodes(_nodes(), query_str=QUESTION) for _ in range(8))
    )
    assert {_context(nodes) for nodes in many} == {alone}
    with ThreadPoolExecutor(8) as pool:
        futures = [
            pool.submit(postprocessor.postprocess_nodes, _nodes(), query_str=QUESTION) for _ in range(8)
        ]
    assert {_context(f.result()) for f in futures} == {alone}


@pytest.mark.parametrize(
    "options", [{"ratio": 2}, {"ratio": 0.5, "max_tokens": 3}, {"compressor": "no-such"}, {"max_tokens": 0}]
)
def test_wrong_options_are_refused_when_it_is_made(options: dict[str, Any]) -> None:
    with pytest.raises((TersusError, InvalidInput, ValueError)):
        TersusPostprocessor(**options)


def test_it_serialises_by_its_options() -> None:
    made = TersusPostprocessor(ratio=0.3)
    assert made.class_name() == "TersusPostprocessor"
    assert TersusPostprocessor.from_dict(made.to_dict()).ratio == 0.3


@pytest.mark.model
async def test_a_real_query_engine_answers_from_the_compressed_nodes() -> None:
    from tersus.compressors.models.store import ModelMissing, find_model
    from tersus.rag.embedding import LocalEmbedding
    from tersus.rag.local_llm import LocalLLM

    try:
        find_model("smollm2")
    except ModelMissing as error:
        pytest.skip(str(error))
    nodes = [node.node for node in _nodes()]
    index = VectorStoreIndex(nodes, embed_model=LocalEmbedding())
    engine = index.as_query_engine(
        llm=LocalLLM(max_new_tokens=24),
        similarity_top_k=3,
        node_postprocessors=[TersusPostprocessor(ratio=0.4)],
    )
    for response in (engine.query(QUESTION), await engine.aquery(QUESTION)):
        assert "Herbert" in str(response)
        accounts = [node.metadata[METADATA_KEY] for node in response.source_nodes]
        assert accounts
        assert all(a["tokens_after"] < a["tokens_before"] for a in accounts)
