import codecs
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.rag.ingest.readers import FileEmpty, FileEncoding, FileRefused
from tersus.rag.ingest.text import clean, decode

TEXTS = {
    "cp1252": "“Don’t worry” – he said; the price is 5 € for the naïve café owner…",
    "latin-1": "Le café était fermé à l'été dernier, où les garçons français mangeaient des crêpes.",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń i tak dalej.",
    "cp1251": "Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, мир!",
    "koi8-r": "Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, мир!",
    "cp1253": "Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.",
    "shift_jis": "日本語の文章です。これは文字コードの判定を試すためのテストです。カタカナもあります。",
    "euc_jp": "日本語の文章です。これは文字コードの判定を試すためのテストです。カタカナもあります。",
    "iso2022_jp": "日本語の文章です。これは文字コードの判定を試すためのテストです。",
    "gb18030": "这是一个用来测试字符编码检测的中文段落。我们希望它能正确识别。",
    "big5": "這是一個用來測試字元編碼偵測的中文段落。我們希望它能正確識別。",
    "euc_kr": "이것은 문자 인코딩 감지를 시험하기 위한 한국어 문장입니다. 잘 되기를 바랍니다.",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_texts_in_old_encodings_are_told_apart(encoding: str) -> None:
    assert decode(TEXTS[encoding].encode(encoding)).text == TEXTS[encoding]


@pytest.mark.parametrize(
    "text", ["café\n", "Müller, Köln\n", "Die Größe der Straße überrascht die Gäste häufig."]
)
def test_short_western_texts_are_read_as_western(text: str) -> None:
    decoded = decode(text.encode("latin-1"))
    assert (decoded.text, decoded.encoding) == (text, "cp1252")


def test_an_accent_far_behind_plain_ascii_is_enough() -> None:
    text = "plain words, line by line\n" * 20_000 + TEXTS["latin-1"]
    assert decode(text.encode("latin-1")).text == text


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "euc_kr"])
@pytest.mark.parametrize("lead", ["", "a", "ab", "abc"])
def test_an_endless_line_of_double_bytes_is_read_wherever_the_sample_ends(encoding: str, lead: str) -> None:
    text = lead + TEXTS[encoding].replace(" ", "") * 1500
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_byte_order_marks_are_believed_and_removed(mark: bytes, encoding: str) -> None:
    decoded = decode(mark + "Größe 🦊\r\nzwei".encode(encoding))
    assert (decoded.text, decoded.encoding, decoded.replaced) == ("Größe 🦊\nzwei", encoding, 0)


def test_noise_has_no_encoding() -> None:
    noise = random.Random(1)
    for size in (50, 500, 5000):
        with pytest.raises(FileEncoding) as caught:
            decode(bytes(noise.choice(range(32, 256)) for _ in range(size)))
        assert caught.value.code == "file_encoding"


def test_one_bad_byte_does_not_turn_utf8_into_mojibake() -> None:
    data = ("Größe überall, naïve Café-Gäste. " * 40).encode()
    decoded = decode(data[:100].rstrip(b"\xc3") + b"\xff" + data[100:])
    assert (decoded.encoding, decoded.replaced, decoded.text.count("\ufffd")) == ("utf-8", 1, 1)
    assert decoded.text.replace("\ufffd", "") == data.decode()


@pytest.mark.parametrize(
    ("head", "python_name"),
    [
        ('<meta charset="koi8-r">', "koi8-r"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        ('<?xml version="1.0" encoding="koi8-r"?>', "koi8-r"),
        ("# -*- coding: koi8-r -*-\n", "koi8-r"),
    ],
)
def test_a_declared_encoding_is_believed_where_detection_could_not_know(head: str, python_name: str) -> None:
    data = f"{head}Да".encode("koi8-r")
    assert decode(data, declared=True).text == f"{head}Да"
    assert decode(data, declared=True).encoding == python_name


@pytest.mark.parametrize(
    "name", ["utf-8", "utf-16", "rot13", "zip", "no-such-thing", "unicode_escape", "idna"]
)
def test_a_false_declaration_does_no_harm(name: str) -> None:
    text = f'<meta charset="{name}">' + TEXTS["latin-1"]
    assert decode(text.encode("latin-1"), declared=True).text == text


def test_a_declared_latin1_means_windows_1252_as_on_the_web() -> None:
    text = '<meta charset="iso-8859-1">' + TEXTS["cp1252"]
    assert decode(text.encode("cp1252"), declared=True).text == text


def test_utf8_is_preferred_to_a_wrong_declaration() -> None:
    text = '<meta charset="iso-8859-1">Größe'
    assert decode(text.encode(), declared=True).text == text


def test_cleaning_normalises_line_ends_and_drops_what_no_database_stores() -> None:
    assert clean("\ufeffa\r\nb\rc\nd\0e\ud800f") == "a\nb\nc\nde\ufffdf"


@given(st.binary(max_size=300))
def test_any_bytes_give_storable_text_or_a_refusal(data: bytes) -> None:
    try:
        text = decode(data, declared=True).text
    except FileRefused:
        return
    assert text.encode("utf-8").decode("utf-8") == text
    assert "\0" not in text
    assert "\r" not in text
    assert text.strip()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=200))
def test_utf8_survives_unchanged(text: str) -> None:
    expected = text.removeprefix("\ufeff")
    if expected.strip():
        assert decode(text.encode()).text.removeprefix("\ufeff") == expected.removeprefix("\ufeff")
    else:
        with pytest.raises(FileEmpty):
            decode(text.encode())
