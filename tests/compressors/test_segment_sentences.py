"""Sentences: texts with traps, and where their sentences end."""

from __future__ import annotations

import pytest
from tersus.compressors.segment import split

ENGLISH = [
    ["Mr. Smith met Dr. Jones at 5 p.m. on Jan. 5, 2020.", "They talked."],
    ["He lives in the U.S.", "The weather is fine."],
    ["The U.S. Army left.", "It moved to Washington D.C.", "In 1990 it came back."],
    ["J. R. R. Tolkien wrote it.", "C. S. Lewis did not."],
    ["E. T. A. Hoffmann wrote it.", "Robert M. La Follette read it.", "Ursula K. Le Guin too."],
    ["Yahoo! Inc. was founded in 1994.", "Jeopardy! is a show."],
    ["It was Wham!", "The band was famous."],
    ['"Go away!" he said.', '"I will not."'],
    ['"Go away!" John said.', "Then he left."],
    ['He asked, "Why?"', "Nobody answered."],
    ['"Help!" is an album by the Beatles.', '"Who?" is not.'],
    ['She said "No."', 'He said "Yes."'],
    ["'Tis late.", "'Go,' he said.", "'I will.'", "She went."],
    ["Pi is 3.14.", "It costs 1,000.50 dollars.", "At 10:30 we left."],
    ["See Fig. 3 and No. 5.", "Section 3.2.1 tells more."],
    ["He said no.", "No. 7 won.", "No way."],
    ["Version v1.2.3 is out.", "5 people use it.", "iPhone sales rose.", "eBay fell."],
    ["Use foo.bar_baz() or file.txt.", "numpy.array is fine too."],
    ["Visit https://a.example/x.html?q=1.", "Mail me@x.org.", "Bye."],
    ["The file is in C:\\temp\\a.txt.", "Open it.", "Run ./a.sh.", "Done."],
    ["Wait... what?", "Well... I think so.", "He left...", "The door closed."],
    ["It works (see e.g. the docs).", "Really (yes! it does) it works."],
    ["It is odd (Really. Very odd.) but true.", "(This is a note.", "It has two sentences.)", "End."],
    ["He earned a Ph.D. in 1990.", "He was proud."],
    ["She bought apples, pears, etc.", "Then she left."],
    ["Smith et al. found this.", "Smith et al. (2010) said so, cf. Table 2."],
    ["World War I.", "The war began in 1914.", "Vitamin C.", "It is healthy."],
    ["What?!", "No way!!", "Yes."],
    ["i went home.", "it was late.", "then i slept."],
    ["Prices rose 5.5%.", "Sales fell.", "$5 is cheap.", "€3 too."],
    ["He scored 25.", "The team won.", "He was born in 1990.", "In 2000 he left."],
    ["Gen. Lee and Col. Mustard met St. Peter in St. Louis.", "It rained."],
    ["The partner, Bob Jr., left.", "So did John Doe Jr.", "He was 50."],
    ["Temperatures fell to -5 °C.", "Then 1e-5.", "OK."],
    ["The variant p. His161Arg is rare.", "It binds Ca."],
    ["Text.[1]", "More text.[2][3]", "End. [4]", "Next."],
    ["Great! 😀", "See you. 👍🏽", "Bye."],
    ["**Bold sentence.**", "Next one.", "_Italic._", "`code` ends.", "*field* begins."],
    ["Use `a. B` here.", "Then ``x. Y`` there.", "Done."],
    ["A tokenised sentence .", "It is `` quoted . ''", "Then ( more . )", "End ."],
    ["The plan failed.The next one failed.", "Fine."],
    ["A paragraph that is\nwrapped over lines.", "It goes on\nhere."],
]
GERMAN = [
    ["Das Treffen war am 3. Oktober 1990.", "Es kam Dr. Müller, z. B. mit der Bahn."],
    ["3. Oktober 1990 war ein Feiertag.", "Danach kam der 4. Oktober."],
    ["Der 2. Weltkrieg und das 19. Jahrhundert sind vorbei.", "Gut so."],
    ["Die Firma hat ca. 500 Mitarbeiter, d.h. viele usw.", "Das ist nicht wenig."],
    ["„Komm her!“, sagte er.", "„Ich kann nicht.“", "Sie ging."],
]
ROMANCE = [
    ["M. Dupont est arrivé.", "Mme Curie aussi, p. ex. hier.", "« Bonjour ! » dit-il.", "Il partit."],
    ["El Sr. García llegó a las 5 p.m.", "¿Cómo está?", "¡Bien!", "La Sra. López no vino."],
]
OTHERS = [
    ["Бар открыт в 1990 г. в Москве.", "Потом он уехал."],
    ["هل أنت بخير؟", "نعم.", "شكرا لك."],
    ["वह घर गया।", "उसने खाना खाया॥", "डॉ. राम सो रहे हैं।"],
    ["Բարեւ։", "Ինչպես ես։"],
    ["안녕하세요.", "저는 학생입니다.", "반갑습니다!"],
    ["ሰላም ነው።", "ደህና።"],
]
UNSPACED = [
    ["今天天气很好。", "我们去公园吧！", "你觉得怎么样？", "好的。"],
    ["他说：“你好。我走了。”", "然后离开了。"],
    ["“你好。”他说。", "我没有回答。"],
    ["彼は「行こう。今すぐ。」と言った。", "私は黙っていた。", "価格は３．１４です。"],
    ["Python 3.11は速い。", "v1.2.3を使う。"],
    ["वह गया।", "उसने खाया।"],
]


def sentences(text: str) -> list[str]:
    return [text[segment.start : segment.end] for segment in split(text)]


@pytest.mark.parametrize("expected", ENGLISH, ids=lambda parts: parts[0][:30])
def test_english_sentences_end_where_a_reader_ends_them(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize("expected", GERMAN + ROMANCE + OTHERS, ids=lambda parts: parts[0][:30])
def test_other_languages_with_blanks_are_divided_too(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize("expected", UNSPACED, ids=lambda parts: parts[0][:30])
def test_scripts_that_need_no_blank_are_divided_behind_the_terminator(expected: list[str]) -> None:
    assert sentences("".join(expected)) == expected


def test_a_paragraph_without_terminator_is_one_sentence() -> None:
    assert sentences("just a few words\non two lines") == ["just a few words\non two lines"]


def test_a_block_quotation_is_divided_into_sentences() -> None:
    assert sentences("> One.  Two\n> goes on.\n> Three.") == ["> One.", "Two\n> goes on.", "> Three."]


def test_text_without_a_visible_character_has_no_sentences() -> None:
    assert sentences("") == sentences(" \n\t\u2028 ") == []
