"""Which words make a text far: found by leaving them out, never those of a stack trace's own grammar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from logwatchd.parsing.normalise import normalise
from logwatchd.records import INNER, Level
from logwatchd.scoring import difference
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.difference import MAX_TRIED, MAX_WORD_CHARS, MAX_WORDS, Word, differs, lacking, telling, weigh
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import FAULT, NORMAL, learn

EMBEDDER = LocalEmbedder()
PYTHON = """\
ERROR request 17 failed
Traceback (most recent call last):
  File "/opt/shop/db.py", line 17, in fetch
    return cursor.execute(sql)
sqlite3.OperationalError: database is locked"""
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: order without items
\tat com.example.Shop.total(Shop.java:17)
Caused by: java.io.IOException: Broken pipe
\t... 12 more"""
GO = """\
panic: runtime error: index out of range

goroutine 1 [running]:
main.pay(0x5)
\t/src/pay.go:17 +0x1d
exit status 2"""


def found(event: str, baseline: Baseline) -> tuple[str, ...]:
    pattern = normalise(event.replace("\n", chr(INNER)))
    verdict = Detector(baseline).judge([pattern], [Level.ERROR], EMBEDDER.embed([pattern]))[0]
    return differs(verdict, baseline)


@pytest.mark.parametrize(
    ("pattern", "examples", "words"),
    [
        ("database is locked", ["database is open"], ("locked",)),
        ('"GET <PATH>" 503 upstream timed out', ['"GET <PATH>" 200'], ("503", "upstream", "timed", "out")),
        ("database LOCKED", ["Database locked"], ()),
        ("from <IP> <N>", ["from somewhere"], ("<IP>", "<N>")),
        ("disk full on <PATH>", ["disk on <N>"], ("full",)),
        ("mirror.sjc<N>.svwh.net up", ["mirror.sjc.example up"], ("mirror.sjc<N>.svwh.net",)),
        ("again and again", [], ("again", "and")),
    ],
)
def test_words_that_the_examples_lack(pattern: str, examples: list[str], words: tuple[str, ...]) -> None:
    assert lacking(pattern, examples) == words


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_known_pattern_lacks_nothing(pattern: str, examples: list[str]) -> None:
    assert set(lacking(pattern, examples)) <= set(lacking(pattern, []))
    assert lacking(pattern, [*examples, pattern]) == ()


@pytest.mark.parametrize(
    ("event", "said", "grammar"),
    [
        (PYTHON, {"failed", "locked", "database"}, {"Traceback", "most", "recent", "File", "cursor.execute"}),
        (PYTHON.partition("\n")[2], {"locked", "database"}, {"Traceback", "most", "recent", "File", "fetch"}),
        (JAVA, {"without", "items", "Broken", "pipe"}, {"com.example.Shop.total", "Caused", "more", "at"}),
        (GO, {"panic", "index", "range"}, {"goroutine", "running", "main.pay", "exit"}),
    ],
)
def test_a_stack_trace_differs_by_what_it_says_not_by_how_traces_look(
    event: str, said: set[str], grammar: set[str]
) -> None:
    words = set(lacking(normalise(event.replace("\n", chr(INNER))), NORMAL))
    assert said <= words
    assert not grammar & words


def test_the_word_that_keeps_a_text_far_comes_first() -> None:
    (towards,) = EMBEDDER.embed(["user logged in from somewhere"])
    pattern = "user logged in from somewhere a kryptonite"
    first, second = weigh(pattern, ("a", "kryptonite"), towards, EMBEDDER.embed)
    assert first.text == "kryptonite"
    assert first.share > second.share > 0
    assert first.nearer > second.nearer > 0
    left_out = EMBEDDER.embed(["user logged in from somewhere a"])[0] @ towards
    assert first.nearer == pytest.approx(left_out - EMBEDDER.embed([pattern])[0] @ towards, abs=1e-5)


def test_a_word_that_resembles_a_known_one_tells_less_than_its_length() -> None:
    towards, other = EMBEDDER.embed(["mirror.example.org answers", "something else"])
    pattern, words = "mirror.example.net answers slowly", ("mirror.example.net", "slowly")
    shares = {word.text: word.share for word in weigh(pattern, words, towards, EMBEDDER.embed)}
    elsewhere = {word.text: word.share for word in weigh(pattern, words, other, EMBEDDER.embed)}
    assert shares["mirror.example.net"] < 0.7 * elsewhere["mirror.example.net"]
    assert shares["slowly"] == pytest.approx(elsewhere["slowly"], rel=0.2)


@given(st.lists(st.text("abcdefg.", min_size=1, max_size=8), min_size=1, max_size=6), st.text("abcdefg ", min_size=1))
def test_shares_are_shares(words: list[str], known: str) -> None:
    pattern = " ".join(words)
    weighed = weigh(pattern, lacking(pattern, []), EMBEDDER.embed([known])[0], EMBEDDER.embed)
    assert all(-1e-6 <= word.share <= 1 + 1e-6 for word in weighed)
    assert [word.share for word in weighed] == sorted((word.share for word in weighed), reverse=True)


def test_one_call_however_many_the_words_and_never_too_many() -> None:
    calls: list[int] = []

    def embed(texts: object) -> np.ndarray:  # type: ignore[type-arg]
        assert isinstance(texts, list)
        calls.append(len(texts))
        return EMBEDDER.embed(texts)

    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(500)]
    towards = EMBEDDER.embed(["something"])[0]
    assert len(weigh(" ".join(words), words, towards, embed)) <= MAX_TRIED
    long = "x" * 5000
    assert len(weigh(f"{long} {' '.join(words)}", words, towards, embed)) * 5000 <= difference.MAX_TRIED_CHARS
    assert len(calls) == 2
    assert weigh("", (), towards, embed) == ()
    assert len(calls) == 2


def test_a_text_of_one_word_has_it_as_its_only_difference() -> None:
    assert found("kryptonite", learn()) == ("kryptonite",)


def test_filler_is_left_out() -> None:
    words = [Word("OperationalError", 0.4, 0.1), Word("locked", 0.2, -0.1), Word("is", 0.01, 0.1)]
    assert telling(words) == ("OperationalError", "locked")
    assert telling([]) == ()


@given(st.text(max_size=200))
def test_what_is_told_is_bounded_and_stands_in_the_text(text: str) -> None:
    pattern = normalise(" ".join(text.split())) or "x"
    told = found(pattern, BASELINE)
    assert len(told) <= MAX_WORDS
    assert all(len(word) <= MAX_WORD_CHARS for word in told)


BASELINE = learn()


def test_the_fault_is_told_by_its_own_words() -> None:
    assert {"database", "locked"} <= set(found(FAULT, BASELINE))
    assert found(PYTHON, BASELINE)[0] == "sqlite<N>.OperationalError"


def test_a_remote_baseline_is_explained_without_a_call() -> None:
    with FakeOpenAI(dimensions=64) as service:
        embedder = OpenAIEmbedder(Service("m", service.url + "/v1"), SecretStr("sk-test"))
        baseline = learn(embedder=embedder)
        pattern = normalise(FAULT)
        verdict = Detector(baseline).judge([pattern], [Level.ERROR], embedder.embed([pattern]))[0]
        calls = len(service.history)
        assert "locked" in differs(verdict, baseline)
        assert len(service.history) == calls
