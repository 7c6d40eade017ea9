"""The LlamaIndex door: nodes in, copies with less text out, and never an answer lost."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.schema import (
    Document,
    ImageDocument,
    ImageNode,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.utils import get_tokenizer
from pydantic import ValidationError
from tersus.compressors import CompressedPassage, Compressor, Passage, SourcedSentence, Span
from tersus.compressors.base import Draft, Task
from tersus.compressors.models.store import ModelMissing, find_model
from tersus.compressors.registry import UnknownCompressor
from tersus.rag.embedding import LocalEmbedding
from tersus.rag.llamaindex import METADATA_KEY, TersusPostprocessor
from tersus.rag.local_llm import LocalLLM

QUERY = "Who built the lighthouse of Norrvik?"
Keep = Callable[[Passage], Sequence[Span]]


def first_sentence(passage: Passage) -> list[Span]:
    """Up to the first full stop; nothing of a passage about cats."""
    return [] if "cat" in passage.text else [Span(0, passage.text.index(".") + 1, 0.75)]


class Scripted(Compressor):
    """Keeps what it is told to keep."""

    name = "scripted"

    def __init__(self, keep: Keep = first_sentence, *, needs_query: bool = True) -> None:
        self.keep = keep
        self.needs_query = needs_query  # type: ignore[misc]

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [
            Draft([CompressedPassage.of(p, self.keep(p)) for p in task.passages], "as told") for task in tasks
        ]


class Rewriting(Compressor):
    """Writes its own words."""

    name = "rewriting"
    kind = "abstractive"

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [
            Draft(
                [
                    CompressedPassage.rewritten(p, [SourcedSentence("In short.", (i,))])
                    for i, p in enumerate(task.passages)
                ]
            )
            for task in tasks
        ]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TersusPostprocessor]:
    """A postprocessor with a compressor of the test's own."""

    def make(compressor: Compressor | None = None, **options: Any) -> TersusPostprocessor:
        chosen = compressor or Scripted()
        monkeypatch.setattr("tersus.rag.llamaindex.load_compressor", lambda _name, **_options: chosen)
        return TersusPostprocessor(compressor="scripted", **options)

    return make


def node(text: str, number: int, **fields: Any) -> NodeWithScore:
    inner = TextNode(
        text=text,
        id_=f"node-{number}",
        metadata={"title": f"Title {number}", "page": number, "tags": ["a", {"b": 1}], "secret": "hush"},
        excluded_llm_metadata_keys=["secret"],
        excluded_embed_metadata_keys=["page"],
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"document-{number}")},
        embedding=[0.5, float(number)],
        **fields,
    )
    return NodeWithScore(node=inner, score=1 - number / 10)


def nodes() -> list[NodeWithScore]:
    """Three that keep a sentence, and one in their middle that keeps none."""
    return [
        node("The lighthouse was built by Astrid Holm. It rained that year.", 0, start_char_idx=7),
        node("A cat sat on the stairs. It slept.", 1),
        node("Norrvik lies on the coast. Boats.\nSome stay.", 2, text_template="{content}\n<{metadata_str}>"),
        node("The keeper wrote letters. None was sent.", 3, metadata_separator=" | "),
    ]  # fmt: skip


def recount(given: Sequence[NodeWithScore]) -> int:
    """Tokens as LlamaIndex's own tokenizer (cl100k) counts what its synthesizers would send."""
    text = "\n\n".join(one.node.get_content(metadata_mode=MetadataMode.LLM) for one in given)
    return len(get_tokenizer()(text))


def account(one: NodeWithScore) -> dict[str, Any]:
    found: dict[str, Any] = one.node.metadata[METADATA_KEY]
    return found


def dumped(given: Sequence[NodeWithScore], *, without_seconds: bool = False) -> list[dict[str, Any]]:
    dumps = [copy.deepcopy(one.to_dict()) for one in given]
    for one in dumps if without_seconds else ():
        one["node"]["metadata"].get(METADATA_KEY, {}).pop("seconds", None)
    return dumps


def test_nodes_come_back_in_order_with_ids_and_scores_without_those_of_which_nothing_is_left(
    scripted: Callable[..., TersusPostprocessor],
) -> None:
    given = nodes()
    got = scripted().postprocess_nodes(given, query_str=QUERY)
    assert [one.node.get_content() for one in got] == [
        "The lighthouse was built by Astrid Holm.",
        "Norrvik lies on the coast.",
        "The keeper wrote letters.",
    ]
    for one, source in zip(got, (given[0], given[2], given[3]), strict=True):
        before, after = source.node, one.node
        assert one.score == source.score
        assert type(after) is type(before)
        assert {**after.metadata, METADATA_KEY: None} == {**before.metadata, METADATA_KEY: None}
        for name in (
            "node_id",
            "ref_doc_id",
            "relationships",
            "embedding",
            "text_template",
            "start_char_idx",
        ):
            assert getattr(after, name) == getattr(before, name)


def test_given_nodes_are_never_changed_nor_shared_with_what_comes_back(
    scripted: Callable[..., TersusPostprocessor],
) -> None:
    given = nodes()
    before, kept = dumped(given), list(given)
    got = scripted().postprocess_nodes(given, query_str=QUERY)
    assert dumped(given) == before
    assert all(one is same for one, same in zip(given, kept, strict=True))
    for one in got:
        one.score = 0
        one.node.metadata.clear()
        one.node.excluded_llm_metadata_keys.append("x")
        one.node.excluded_embed_metadata_keys.append("x")
        one.node.relationships.clear()
        one.node.set_content("overwritten")
    assert dumped(given) == before


def test_the_account_says_what_was_kept_and_its_spans_slice_the_original_text(
    scripted: Callable[..., TersusPostprocessor],
) -> None:
    def ends(passage: Passage) -> list[Span]:
        return [Span(0, 5, 0.5), Span(len(passage.text) - 6, len(passage.text), 0.25)]

    given = nodes()
    got = scripted(Scripted(ends), max_tokens=300).postprocess_nodes(given, query_str=QUERY)
    assert len(got) == 4
    for one, source in zip(got, given, strict=True):
        text, told = source.node.get_content(), account(one)
        assert told["kept"] == [
            {"start": 0, "end": 5, "score": 0.5},
            {"start": len(text) - 6, "end": len(text), "score": 0.25},
        ]
        assert one.node.get_content() == " ".join(text[s["start"] : s["end"]] for s in told["kept"])
        assert (told["compressor"], told["budget"], told["reason"]) == (
            "scripted",
            "max_tokens=300",
            "as told",
        )
        assert told["seconds"] >= 0


def test_a_rewritten_passage_has_no_spans(scripted: Callable[..., TersusPostprocessor]) -> None:
    [one] = scripted(Rewriting()).postprocess_nodes(nodes()[:1], query_str=QUERY)
    assert one.node.get_content() == "In short."
    assert account(one)["kept"] is None


def test_the_account_is_hidden_from_the_language_model_and_the_embedding(
    scripted: Callable[..., TersusPostprocessor],
) -> None:
    given = nodes()
    once = scripted().postprocess_nodes(given, query_str=QUERY)
    halved = scripted(Scripted(lambda p: [Span(0, 4)]))  # one postprocessor after another
    for got in (once, halved.postprocess_nodes(once, query_str=QUERY)):
        for one in got:
            for mode in (MetadataMode.LLM, MetadataMode.EMBED):
                assert METADATA_KEY not in one.node.get_content(metadata_mode=mode)
            assert METADATA_KEY in one.node.get_content(metadata_mode=MetadataMode.ALL)
            assert "hush" not in one.node.get_content(metadata_mode=MetadataMode.LLM)
            assert "tags" in one.node.get_content(metadata_mode=MetadataMode.LLM)


def test_tokens_are_those_that_llamaindex_would_send(scripted: Callable[..., TersusPostprocessor]) -> None:
    given = nodes()
    got = scripted().postprocess_nodes(given, query_str=QUERY)
    assert {(account(one)["tokens_before"], account(one)["tokens_after"]) for one in got} == {
        (recount(given), recount(got))
    }
    assert recount(got) < recount(given)


def raising(_passage: Passage) -> list[Span]:
    raise ConnectionError("no model")


@pytest.mark.parametrize(
    ("keep", "options"),
    [
        (raising, {}),
        (lambda p: [], {}),
        (lambda p: [Span(0, len(p.text))], {}),
        (lambda p: [Span(5, 9), Span(0, 4)], {}),  # out of order: breaks the contract
        (lambda p: [Span(0, len(p.text) + 1)], {}),
        (first_sentence, {"max_tokens": 3}),  # takes more than it may: breaks the contract
    ],
    ids=["failure", "nothing kept", "everything kept", "out of order", "beyond the end", "over budget"],
)
def test_where_compression_is_of_no_use_the_original_nodes_come_back(
    scripted: Callable[..., TersusPostprocessor], keep: Keep, options: dict[str, Any]
) -> None:
    given = nodes()
    before, kept = dumped(given), list(given)
    got = scripted(Scripted(keep), **options).postprocess_nodes(given, query_str=QUERY)
    assert len(got) == len(kept)
    assert all(one is same for one, same in zip(got, kept, strict=True))
    assert dumped(got) == before


def test_after_the_time_limit_the_original_nodes_come_back(
    scripted: Callable[..., TersusPostprocessor],
) -> None:
    release = threading.Event()

    def hanging(passage: Passage) -> list[Span]:
        release.wait()
        return first_sentence(passage)

    given = nodes()
    kept = list(given)
    try:
        got = scripted(Scripted(hanging), timeout=0.05).postprocess_nodes(given, query_str=QUERY)
    finally:
        release.set()
    assert all(one is same for one, same in zip(got, kept, strict=True))


@pytest.mark.parametrize("query", [None, QueryBundle(""), QueryBundle(" \n")], ids=["none", "empty", "blank"])
def test_without_a_question_the_nodes_stay_unless_the_compressor_needs_none(
    scripted: Callable[..., TersusPostprocessor], query: QueryBundle | None
) -> None:
    given = nodes()
    got = scripted().postprocess_nodes(given, query_bundle=query)
    assert all(one is same for one, same in zip(got, given, strict=True))
    free = scripted(Scripted(needs_query=False)).postprocess_nodes(given, query_bundle=query)
    assert len(free) == 3


def test_no_nodes_give_no_nodes(scripted: Callable[..., TersusPostprocessor]) -> None:
    assert scripted().postprocess_nodes([], query_str=QUERY) == []
    assert TersusPostprocessor(ratio=0.5).postprocess_nodes([], query_str=QUERY) == []


def test_nodes_without_text_or_with_a_picture_pass_through_in_their_places(
    scripted: Callable[..., TersusPostprocessor],
) -> None:
    picture = NodeWithScore(node=ImageNode(image="aGVsbG8="), score=0.4)
    captioned = NodeWithScore(node=ImageNode(text="A cat. On the stairs.", image="aGVsbG8="), score=0.3)
    document = NodeWithScore(node=ImageDocument(text="A cat. At sea.", image="aGVsbG8="), score=0.2)
    blank = NodeWithScore(node=TextNode(text=""), score=0.1)
    given = [picture, *nodes(), captioned, blank, document]
    got = scripted().postprocess_nodes(given, query_str=QUERY)
    assert got[0] is picture
    assert got[4] is captioned
    assert got[5] is blank
    assert got[6] is document
    assert [account(one)["tokens_after"] for one in got[1:4]] == [recount(got[1:4])] * 3
    assert account(got[1])["tokens_before"] == recount(nodes())
    nothing = [picture, blank]
    assert scripted().postprocess_nodes(nothing, query_str=QUERY) == nothing


def test_whole_documents_are_shrunk_like_text_nodes(scripted: Callable[..., TersusPostprocessor]) -> None:
    given = [
        NodeWithScore(
            node=Document(text="It stands. It shines.", id_="doc", metadata={"title": "Tower"}), score=0.9
        )
    ]
    before = dumped(given)
    [got] = scripted().postprocess_nodes(given, query_str=QUERY)
    assert isinstance(got.node, Document)
    assert (got.node.node_id, got.node.get_content(), got.score) == ("doc", "It stands.", 0.9)
    assert (account(got)["tokens_before"], account(got)["tokens_after"]) == (recount(given), recount([got]))
    assert METADATA_KEY not in got.node.get_content(metadata_mode=MetadataMode.LLM)
    assert dumped(given) == before


def test_the_same_node_given_twice_comes_back_twice(scripted: Callable[..., TersusPostprocessor]) -> None:
    same = node("It stands on a rock. It is white.", 5)
    again = NodeWithScore(node=same.node, score=0.01)
    got = scripted().postprocess_nodes([same, again, same], query_str=QUERY)
    assert [one.node.get_content() for one in got] == ["It stands on a rock."] * 3
    assert [one.score for one in got] == [same.score, 0.01, same.score]
    assert account(got[0])["tokens_before"] == recount([same, again, same])


async def test_async_gives_the_same_as_sync(scripted: Callable[..., TersusPostprocessor]) -> None:
    callers: set[int] = set()

    def watched(passage: Passage) -> list[Span]:
        callers.add(threading.get_ident())
        return first_sentence(passage)

    post = scripted(Scripted(watched))
    got = await post.apostprocess_nodes(nodes(), query_str=QUERY)
    assert threading.get_ident() not in callers
    expected = post.postprocess_nodes(nodes(), query_str=QUERY)
    assert dumped(got, without_seconds=True) == dumped(expected, without_seconds=True)


def test_eight_threads_share_one_postprocessor(scripted: Callable[..., TersusPostprocessor]) -> None:
    post = scripted()

    def one_call(number: int) -> list[dict[str, Any]]:
        given = [node(f"Number {number}. The rest of {number}.", number), *nodes()]
        return dumped(post.postprocess_nodes(given, query_str=f"{QUERY} {number}"), without_seconds=True)

    expected = [one_call(number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one_call, range(40))) == expected
    assert expected[17][0]["node"]["text"] == "Number 17."


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ratio": 0}, "above 0"),
        ({"ratio": 25}, "ratio=0.25"),
        ({"max_tokens": 0}, "at least 1"),
        ({"ratio": 0.5, "max_tokens": 100}, "one of max_tokens or ratio"),
        ({"timeout": 0}, "greater than 0"),
        ({"options": {"colour": "red"}}, "colour"),
        ({"ration": 0.25}, "ration"),
    ],
)
def test_wrong_options_are_refused_when_it_is_made(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TersusPostprocessor(**options)


def test_an_unknown_compressor_is_refused_when_it_is_made() -> None:
    with pytest.raises(UnknownCompressor, match="similarity"):
        TersusPostprocessor(compressor="similarty")


def test_an_option_cannot_be_set_later_where_it_would_do_nothing() -> None:
    post = TersusPostprocessor(ratio=0.25)
    with pytest.raises(ValidationError, match="frozen"):
        post.ratio = 0.5


def test_it_can_be_written_down_and_made_again() -> None:
    post = TersusPostprocessor(compressor="none", max_tokens=80, tokenizer="o200k", timeout=3)
    data = post.to_dict()
    assert TersusPostprocessor.class_name() == "TersusPostprocessor"
    assert data == {
        "ledger": False,
        "class_name": "TersusPostprocessor",
        "compressor": "none",
        "ratio": None,
        "max_tokens": 80,
        "risk": None,
        "collection": None,
        "keep": [],
        "protect_titles": False,
        "protect_headings": False,
        "protect_antecedents": False,
        "tokenizer": "o200k",
        "timeout": 3.0,
        "options": {},
    }
    expected = [one.node.node_id for one in post.postprocess_nodes(nodes(), query_str=QUERY)]
    assert 0 < len(expected) < 4
    again = (
        TersusPostprocessor.from_dict(data),
        TersusPostprocessor.from_json(post.to_json()),
        pickle.loads(pickle.dumps(post)),  # noqa: S301 - our own
        copy.deepcopy(post),
    )
    for made in again:
        assert made.to_dict() == data
        assert [one.node.node_id for one in made.postprocess_nodes(nodes(), query_str=QUERY)] == expected


FACTS = (
    "The lighthouse of Norrvik was built in 1887 by the engineer Astrid Holm. "
    "Its walls are painted white every spring. Visitors may climb the stairs in summer.",
    "Potatoes were planted on the island in May. The harvest was poor because of the rain. "
    "Most of it was fed to the pigs.",
    "The ferry leaves Norrvik at seven. It carries forty cars. Tickets are sold on board.",
)


@pytest.fixture(scope="module")
def index() -> VectorStoreIndex:
    documents = [Document(text=text, metadata={"title": f"Fact {n}"}) for n, text in enumerate(FACTS)]
    return VectorStoreIndex.from_documents(documents, embed_model=LocalEmbedding(device="cpu"))


def check_sources(sources: Sequence[NodeWithScore], retrieved: Sequence[NodeWithScore]) -> None:
    texts = {one.node.node_id: one.node.get_content() for one in retrieved}
    assert [one.node.node_id for one in sources] == [
        one.node.node_id for one in retrieved if one.node.node_id in {s.node.node_id for s in sources}
    ]
    assert sources[0].node.get_content().startswith("The lighthouse of Norrvik was built in 1887")
    for one in sources:
        told = account(one)
        text = texts[one.node.node_id]
        assert one.node.get_content() == " ".join(text[s["start"] : s["end"]] for s in told["kept"])
        assert told["tokens_before"] == recount(retrieved)
        assert told["tokens_after"] == recount(sources)
        assert abs(told["tokens_after"] / told["tokens_before"] - 0.5) <= 0.02 or told["reason"]


async def test_a_query_engine_sends_the_compressed_context_and_nothing_of_the_account(
    index: VectorStoreIndex,
) -> None:
    # The mock's answer is the prompt that it was sent.
    engine = index.as_query_engine(
        llm=MockLLM(), similarity_top_k=3, node_postprocessors=[TersusPostprocessor(ratio=0.5)]
    )
    retrieved = index.as_retriever(similarity_top_k=3).retrieve(QUERY)
    for response in (engine.query(QUERY), await engine.aquery(QUERY)):
        check_sources(response.source_nodes, retrieved)
        context = "\n\n".join(
            one.node.get_content(metadata_mode=MetadataMode.LLM) for one in response.source_nodes
        )
        assert context in str(response)
        assert "Astrid Holm" in context
        assert METADATA_KEY not in str(response)
        assert "fed to the pigs" not in str(response)
    assert all(METADATA_KEY not in one.node.metadata for one in index.as_retriever().retrieve(QUERY))


@pytest.mark.model
async def test_a_query_engine_with_the_local_models_answers_from_the_compressed_context(
    index: VectorStoreIndex,
) -> None:
    try:
        find_model("smollm2")
    except ModelMissing as missing:
        pytest.skip(f"SmolLM2 is not installed: {missing.hint}")
    engine = index.as_query_engine(
        llm=LocalLLM(device="cpu", max_new_tokens=24),
        similarity_top_k=3,
        node_postprocessors=[TersusPostprocessor(ratio=0.5)],
    )
    retrieved = index.as_retriever(similarity_top_k=3).retrieve(QUERY)
    answers = [engine.query(QUERY), await engine.aquery(QUERY)]
    for response in answers:
        assert "Astrid Holm" in str(response)
        check_sources(response.source_nodes, retrieved)
    assert str(answers[0]) == str(answers[1])
