"""GemFilter as middleware: whole words with spans, only passages compete, budgets hold, whatever comes in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Budget, Passage, load_counter
from tersus.compressors.gemfilter import GemFilterCompressor
from tersus.compressors.gemfilter.prompt import INSTRUCTION
from tersus.compressors.models.causal import load_causal
from tersus.compressors.models.store import ModelMissing, ModelUnusable, find_model
from tersus.compressors.segment import split
from tersus.compressors.segment.word_units import split_words
from tersus.errors import InvalidInput

from . import plain, tiny

count = load_counter()
QUESTION = "Who built the tower?"
PASSAGES = [
    Passage(
        text="The tower was built in 1887. It is 12.5 m high, and white! Gulls nest on it.", title="Tower"
    ),
    Passage(text="  Only this, and the year 3 May 1990.\n"),
    Passage(text=" \n", title="Empty"),
    Passage(text="一つ。二つ。 Größe e\u0301t 👩🏽 \ud800 ok.", title="Odd \udfff <eos>"),
    Passage(text="<eos> is a mark, <bos> too."),
    Passage(text="One"),
]
GRANULARITIES = ["token", "word", "sentence"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("gem"), "llama", window=2048)


def make(folder: Path, **options: Any) -> GemFilterCompressor:
    return GemFilterCompressor(folder, **{"layer": 2, "device": "cpu", **options})


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("kernel", [1, 5])
def test_a_unit_ranks_by_the_full_models_scores_of_its_tokens(
    folder: Path, granularity: str, kernel: int
) -> None:
    """The prompt is written down here once more, and read by the full model under hooks."""
    passages = [PASSAGES[0], Passage(text="Astrid Holm built many towers, e.g. in Zell. One fell.")]
    text = (
        f"{INSTRUCTION}\n\nTower\n{passages[0].text}\n\n{passages[1].text}\n\nQuestion: {QUESTION}\nAnswer:"
    )
    causal = load_causal(folder, "cpu")
    read = causal.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    values = plain.pooled(plain.scores(causal.model, read["input_ids"], 2), kernel)
    expected: list[tuple[float, int, int]] = []
    for number, passage in enumerate(passages):
        shift = text.index(passage.text)
        units: Any = split(passage.text) if granularity == "sentence" else split_words(passage.text)
        for unit in units:
            own = [
                value
                for value, (start, end) in zip(values, read["offset_mapping"], strict=True)
                if start < shift + unit.end and end > shift + unit.start
            ]
            if getattr(unit, "kind", "") != "mark":
                worth = max(own) if granularity == "token" else sum(own) / len(own)
                expected.append((worth, number, unit.start))
    found = [
        (span.score, number, span.start)
        for number, spans in enumerate(
            make(folder, granularity=granularity, kernel=kernel).score(QUESTION, passages)
        )
        for span in spans
    ]
    places = {(number, start) for _, number, start in expected}
    ranked = [(n, s) for _, n, s in sorted(found, key=lambda f: -f[0]) if (n, s) in places]
    # Neighbouring words can share their best token: ties stand in order.
    assert ranked == [(n, s) for _, n, s in sorted(expected, key=lambda e: -round(e[0], 3))]
    assert len(ranked) > 4


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_passage_comes_back_in_whole_units_of_its_own_text(folder: Path, granularity: str) -> None:
    compressor = make(folder, granularity=granularity)
    candidates = compressor.score(QUESTION, PASSAGES)
    for passage, spans in zip(PASSAGES, candidates, strict=True):
        units: Any = split(passage.text) if granularity == "sentence" else split_words(passage.text)
        assert [(s.start, s.end) for s in spans] == [(u.start, u.end) for u in units]
    scores = [span.score for spans in candidates for span in spans]
    assert max(scores) == 1
    assert min(scores) > 0
    result = compressor.compress(QUESTION, PASSAGES, Budget(ratio=0.5))
    assert "12.5" in result.text or "12" not in result.text
    assert result.passages[2].kept == []


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("limit", [1, 5, 17, 40])
def test_a_limit_of_tokens_is_never_exceeded(folder: Path, granularity: str, limit: int) -> None:
    result = make(folder, granularity=granularity).compress(QUESTION, PASSAGES, Budget(max_tokens=limit))
    assert count(result.text) == result.tokens_after <= limit
    assert result.text or result.reason


def test_the_adaptive_budget_keeps_the_share_of_text_that_the_threshold_says(folder: Path) -> None:
    passages = [Passage(text="The tower was built in 1887 by Astrid Holm and many others. " * 12)]
    size = len(passages[0].text)
    for threshold in (0.0, 0.25, 0.75, 0.95):
        result = make(folder, granularity="word", threshold=threshold).compress(QUESTION, passages)
        assert len(result.text) / size == pytest.approx(1 - threshold, abs=0.12)


def test_a_batch_gives_what_one_by_one_gives(folder: Path) -> None:
    queries = [QUESTION, "When?", "Is it the tower of Zell, or which of the towers " * 5 + "?"]
    groups = [PASSAGES, PASSAGES[:1], [Passage(text="Short. And long. " * 40, title="T"), PASSAGES[3]]]
    together = make(folder, batch_tokens=100_000).score_batch(queries, groups)
    for query, group, found in zip(queries, groups, together, strict=True):
        assert make(folder, batch_tokens=1).score(query, group) == found


def test_eight_threads_at_once_get_what_one_gets(folder: Path) -> None:
    compressor = make(folder)

    def work(number: int) -> str:
        given = PASSAGES[number % 3 :]
        return compressor.compress(f"Who built tower {number}?", given, Budget(ratio=0.4)).text

    alone = [work(number) for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(16))) == alone


@pytest.mark.parametrize("passages", [[], [Passage(text="")], [Passage(text=" \n ", title="T")]])
def test_nothing_to_filter_is_no_error(folder: Path, passages: list[Passage]) -> None:
    result = make(folder).compress(QUESTION, passages, Budget(ratio=0.5))
    assert result.text == ""
    assert result.reason


@pytest.mark.parametrize("text", ["x", "\ud800", "👩🏽‍🚀", "\u0301", "\x00", "。", "a" * 3000])
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_odd_texts_are_scored(folder: Path, text: str, granularity: str) -> None:
    compressor = make(folder, granularity=granularity, window=600)
    spans = compressor.score(text, [Passage(text=text, title=text)])[0]
    assert [text[s.start : s.end] for s in spans] == [text]
    assert spans[0].score == 1


def test_marks_of_the_model_within_a_text_are_read_as_text(folder: Path) -> None:
    from tersus.compressors.gemfilter.prompt import Block, Writer

    causal = load_causal(folder, "cpu")
    passage = Passage(text="<eos> is a mark, <bos> too.", title="<eos>")
    prompt = Writer(causal).write("What is <eos>?", [passage], [Block(0, 0, len(passage.text))])
    assert not set(prompt.ids) & set(causal.tokenizer.all_special_ids)
    part = prompt.parts[0]
    assert part.offsets[0][0] == 0
    assert part.offsets[-1][1] == len(passage.text)


def test_the_chat_template_frames_the_prompt_where_it_is_asked_for(folder: Path) -> None:
    from tersus.compressors.gemfilter.prompt import Block, Writer

    causal = load_causal(folder, "cpu")
    passage = Passage(text="The tower is white.")
    ids = Writer(causal, chat=True).write(QUESTION, [passage], [Block(0, 0, 19)]).ids
    text = f"{INSTRUCTION}\n\n{passage.text}\n\nQuestion: {QUESTION}"
    assert ids == causal.encode_chat([{"role": "user", "content": text}])
    assert make(folder, chat=True).score(QUESTION, PASSAGES) != make(folder).score(QUESTION, PASSAGES)


@pytest.mark.parametrize(
    "options",
    [
        {"granularity": "letter"},
        {"threshold": 2},
        {"threshold": "high"},
        {"kernel": 4},
        {"kernel": 0},
        {"layer": -1},
        {"layer": 1.5},
        {"window": 0},
        {"batch_tokens": "many"},
    ],
)
def test_settings_out_of_range_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        GemFilterCompressor(**options)


def test_what_cannot_be_used_is_refused_with_a_reason(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="no layer 4"):
        make(folder, layer=4).compress(QUESTION, PASSAGES, Budget(ratio=0.5))
    with pytest.raises(ModelUnusable, match="window of 40 tokens"):
        make(folder, window=40).compress(QUESTION, PASSAGES, Budget(ratio=0.5))
    with pytest.raises(InvalidInput, match="needs a query"):
        make(folder).compress(" ", PASSAGES)


def test_the_fingerprint_tells_apart_what_scores_differently(folder: Path) -> None:
    options: list[dict[str, Any]] = [
        {}, {"layer": 1}, {"kernel": 1}, {"granularity": "token"}, {"chat": True}, {"window": 300},
    ]  # fmt: skip
    prints = {make(folder, **o).fingerprint for o in options}
    assert len(prints) == len(options)
    assert all(load_causal(folder, "cpu").fingerprint in p for p in prints)


@pytest.mark.model
def test_smollm2_finds_the_sentence_that_answers() -> None:
    try:
        find_model("smollm2")
    except ModelMissing as missing:
        pytest.skip(f"SmolLM2 is not installed: {missing.hint}")
    hay = [
        "The tower of Zell is red and was raised by monks in the twelfth century. It has 99 steps, and in "
        "spring gulls nest on its roof. Visitors pay at the gate.",
        "Rye bread needs a sourdough that is two days old. Bake it for seventy minutes at a falling heat. "
        "Let it rest under a cloth before it is cut.",
        "A ferry calls at the island on Tuesdays and Fridays. It is free for children. Dogs pay half, and "
        "bicycles are taken if there is room.",
        "The school moved into the former customs house. Its hall seats two hundred. The roof was mended "
        "after the storm.",
    ]
    compressor = GemFilterCompressor(device="cpu")
    for depth, text in enumerate(hay):
        at = text.index(". ") + 1
        texts = list(hay)
        texts[depth] = f"{text[:at]} The access code of the old mill is 48213.{text[at:]}"
        passages = [Passage(text=t) for t in texts]
        spans = compressor.score("What is the access code of the old mill?", passages)[depth]
        # The quarter of the text that ranks first.
        assert max(s.score for s in spans if "48213" in texts[depth][s.start : s.end]) >= 0.75
