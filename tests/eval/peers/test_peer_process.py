from __future__ import annotations

import pickle
import sys
import threading
from pathlib import Path

import pytest
from tersus.errors import NotInstalled
from tersus.eval.peers.process import PeerFailed, PeerProcess

ECHO = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked == "die":
        print("out of memory, or so", file=sys.stderr)
        os._exit(3)
    if asked == "garbage":
        print("Loading model...", flush=True)
    elif asked == "fail":
        print(json.dumps({"error": "ValueError: no"}), flush=True)
    else:
        print(json.dumps({"value": [asked, os.getpid()]}), flush=True)
"""


@pytest.fixture
def peer(tmp_path: Path) -> PeerProcess:
    script = tmp_path / "echo.py"
    script.write_text(ECHO)
    return PeerProcess([sys.executable, script])


def test_any_unicode_and_long_texts_come_back_as_they_went(peer: PeerProcess) -> None:
    for text in ("", "naïve\n\u2028 \U0001f600 \x00", "\ud800", "x" * 1_000_000):
        assert peer.ask(text)[0] == text
    peer.close()


def test_one_process_answers_all_threads(peer: PeerProcess) -> None:
    found: list[tuple[int, int]] = []

    def ask(number: int) -> None:
        found.append(tuple(peer.ask(number)))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in found) == list(range(20))
    assert len({process for _, process in found}) == 1
    peer.close()


def test_an_error_is_raised_and_the_process_goes_on(peer: PeerProcess) -> None:
    before = peer.ask(1)[1]
    with pytest.raises(PeerFailed, match="ValueError: no"):
        peer.ask("fail")
    assert peer.ask(1)[1] == before
    peer.close()


def test_one_that_died_says_why_and_is_started_again(peer: PeerProcess) -> None:
    before = peer.ask(1)[1]
    with pytest.raises(PeerFailed, match="out of memory, or so"):
        peer.ask("die")
    assert peer.ask(1)[1] != before
    peer.close()


def test_what_is_no_json_is_no_answer_and_no_later_one_either(peer: PeerProcess) -> None:
    with pytest.raises(PeerFailed, match="no answer"):
        peer.ask("garbage")
    assert peer.ask("next")[0] == "next"
    peer.close()


def test_the_answer_to_an_interrupted_question_is_not_given_to_the_next(
    peer: PeerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    peer.ask("before")
    with monkeypatch.context() as patched:
        patched.setattr("tersus.eval.peers.process.json.loads", interrupted)
        with pytest.raises(KeyboardInterrupt):
            peer.ask("interrupted")
    assert peer._process is None
    assert peer.ask("next")[0] == "next"
    peer.close()


def test_a_copy_in_another_process_has_its_own(peer: PeerProcess) -> None:
    mine = peer.ask(1)[1]
    copy = pickle.loads(pickle.dumps(peer))  # noqa: S301 - our own
    assert copy.ask(1)[1] != mine
    copy.close()
    peer.close()


def test_no_such_interpreter(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="cannot be run"):
        PeerProcess([tmp_path / "python"]).ask(1)
