"""The caches in front of the masks: that they never change an answer, and that they stay small."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from string import ascii_lowercase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.parsing.keys import key_of
from logwatchd.records import Level
from logwatchd.scoring import lexicon
from logwatchd.scoring.lexicon import Lexicon
from tests.conftest import ROOT
from tests.scoring.making import definition_of

DATA = ROOT.parent / "shared" / "data"
LOGS = sorted(DATA.glob("*/*.log"))

NUMBERS = st.integers(0, 10**20).map(str)
WORDS = st.one_of(
    st.sampled_from(
        [
            *(
                "GET",
                '"GET /a/b HTTP/1.1"',
                "status:",
                "status=404",
                "exit code 1",
                "signal 9,",
                "[req-",
                "ERROR",
                "ms",
            ),
            *(
                "2024-01-02",
                "12:30:44,123",
                "Jun  9",
                "10.0.0.1:80",
                "0xdeadbeef",
                '{"level":50,"pid":7}',
                "",
                "-",
                "\t",
            ),
        ]
    ),
    NUMBERS,
    st.uuids().map(str),
    st.binary(min_size=4, max_size=20).map(bytes.hex),
    st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12),
)
LINES = st.lists(WORDS, max_size=10).map(lambda words: " ".join(words).encode()) | st.binary(max_size=80).filter(
    lambda raw: b"\n" not in raw
)


def quickly(known: Lexicon, lines: list[bytes]) -> list[tuple[str, Level]]:
    ids = known.ids_of(b"".join(line + b"\n" for line in lines))
    return [(known.patterns[i], known.levels[i]) for i in ids.tolist()]


@settings(max_examples=300)
@given(st.lists(LINES, max_size=10))
def test_the_caches_give_the_answer_of_the_definition(lines: list[bytes]) -> None:
    known = Lexicon()
    for _ in range(2):  # the second time from the cache
        assert quickly(known, lines) == [definition_of(line) for line in lines]


@settings(max_examples=100)
@given(st.lists(LINES, max_size=30))
def test_so_do_full_caches(lines: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexicon, "MAX_CACHE_BYTES", 500)
        known = Lexicon()
        for _ in range(2):
            for line in lines:
                assert quickly(known, [line]) == [definition_of(line)]


SEAMS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                " ",
                " ",
                ",",
                '"',
                ": ",
                "=",
                "/",
                ".",
                "-",
                "\\n",
                "\x0b",
                "\x10",
                "\x1c",
                "\x85",
                "\xa0",
                "\ufeff",
                "\t",
            ]
        ),
        st.sampled_from(
            [
                '{"level": "warn", "n": ',
                '"}',
                "ERROR",
                "level=",
                "status: ",
                "Jan",
                "00:00:00",
                "user=",
                "é",
                "日",
                "🚀",
            ]
        ),
        st.sampled_from(
            ["a" * 70, "0a" * 200, "deadbeef", "0x", "\udc80", "\udce9", "\udcf0\udc9f", "ms", "7", "503", "2024"]
        ),
    ),
    max_size=14,
).map(lambda pieces: "".join(pieces).encode(errors="surrogateescape"))


@settings(max_examples=300)
@given(st.lists(SEAMS, min_size=1, max_size=30))
def test_lines_that_are_new_together_do_not_see_each_other(lines: list[bytes]) -> None:
    for most in (1 << 16, 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lexicon, "_NEW_AT_ONCE", most)
            assert quickly(Lexicon(), lines) == [definition_of(line) for line in lines]


STATUSES = st.lists(
    st.tuples(
        st.sampled_from([b"status: ", b"[%s] status=" % (b"7" * 30), b'"GET /a HTTP/1.1" ', b'{"level":', b"signal "]),
        st.sampled_from([b"200", b"503", b"50", b"07", b"7", b"60", b"9999", b"12345", b"000", b"0xfa", b"1\t2"]),
    ),
    min_size=1,
    max_size=3,
).map(lambda pairs: b", ".join(name + number for name, number in pairs))


@settings(max_examples=300)
@given(st.lists(STATUSES, min_size=1, max_size=12))
def test_digits_that_carry_meaning_are_cut_out_of_the_right_lines(lines: list[bytes]) -> None:
    known = Lexicon()
    for _ in range(2):
        assert quickly(known, lines) == [definition_of(line) for line in lines]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.uuids().map(str), WORDS, st.integers(0, 3)), min_size=1, max_size=80))
def test_blocks_with_and_without_ids_take_turns(parts: list[tuple[str, str, int]]) -> None:
    known = Lexicon()
    for begin in range(0, len(parts), 3):
        lines = [f"{word} {uuid if kind else ''}".encode() for uuid, word, kind in parts[begin : begin + 3]]
        assert quickly(known, lines) == [definition_of(line) for line in lines]


def test_one_run_of_the_masks_serves_all_statuses_of_a_text() -> None:
    known = Lexicon()
    lines = [b'10.0.0.7 "GET /a/%d HTTP/1.1" %d 77' % (status, status) for status in (200, 204, 404, 503)]
    assert [pattern[-7:] for pattern, _ in quickly(known, lines)] == ["200 <N>", "204 <N>", "404 <N>", "503 <N>"]
    assert len(known._templates) == 1


def test_shapes_met_lately_outlive_those_that_are_not_met_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    ids_of_shapes = Lexicon.ids_of_shapes

    def noted(self: Lexicon, shapes: Sequence[bytes]) -> list[int]:
        asked.extend(shapes)
        return ids_of_shapes(self, shapes)

    monkeypatch.setattr(Lexicon, "ids_of_shapes", noted)
    monkeypatch.setattr(lexicon, "MAX_CACHE_BYTES", 10_000)
    known = Lexicon()
    for length in range(1, 1000):
        known.ids_of(b"usual\n" + b"new " * length + b"\n")
    assert asked.count(b"usual") == 1
    assert asked.count(b"new ") == 1
    known.ids_of(b"new \n")
    assert asked.count(b"new ") == 2


@pytest.mark.slow
@pytest.mark.skipif(not LOGS, reason=f"needs the logs in {DATA}")
@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_line_of_real_logs_has_the_answer_of_the_definition(path: Path) -> None:
    known = Lexicon()
    lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
    answers: dict[bytes, tuple[str, Level]] = {}
    for start in range(0, len(lines), 5000):
        some = lines[start : start + 5000]
        for line, answer in zip(some, quickly(known, some), strict=True):
            key = key_of(line)
            if key not in answers:
                answers[key] = definition_of(line)
            assert answer == answers[key], line


def test_shapes_and_words_take_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MAX_CACHE_BYTES", 10_000)
    known = Lexicon()
    for number in range(2000):
        known.ids_of(b"x" * (number % 97) + b" y" * (number % 101) + b"\n")
    assert sum(map(len, [*known._by_shape, *known._by_shape._older])) <= 10_000
    assert sum(map(len, known._skeletons._words)) <= 10_000


def test_a_stream_of_new_texts_ends_a_lexicon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MAX_BYTES", 10_000)
    known = Lexicon()
    assert not known.full()
    known.ids_of(b"".join(b"word%c %c\n" % (97 + i % 26, 97 + i // 26) for i in range(200)))
    assert known.full()


def word(rng: Random) -> str:
    return "".join(rng.choices(ascii_lowercase, k=rng.randint(4, 10)))


def number(rng: Random) -> str:
    return "7" * rng.randint(1, 300)


STREAMS: dict[str, Callable[[Random], str]] = {
    "new words": lambda rng: " ".join(word(rng) for _ in range(8)),
    "and a status": lambda rng: f"{word(rng)} {word(rng)} {word(rng)} status: {rng.choice((200, 404))} done",
    "and a code": lambda rng: f"{word(rng)} {word(rng)} status: {rng.choice((200, 404))} exit code {rng.randrange(9)}",
    "numbers": lambda rng: f"{number(rng)} of {number(rng)} status: {rng.choice((200, 404))} rc={rng.randrange(9)}",
    "numbers before a table": lambda rng: f"{number(rng)} of {number(rng)}" + f" rc={rng.randrange(9)}" * 30,
}


@pytest.mark.parametrize("stream", STREAMS)
def test_what_it_takes_is_bounded_whatever_comes(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(lexicon, "MAX_CACHE_BYTES", 1 << 18)
    rng, known = Random(1), Lexicon()
    known.ids_of(b"what is made once for all\n")
    tracemalloc.start()
    try:
        for _ in range(60):
            if not known.full():
                known.ids_of("".join(f"{STREAMS[stream](rng)}\n" for _ in range(100)).encode())
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert size < 2 * (1 << 20)
    assert known.full() == ("numbers" not in stream)


def test_numbers_that_only_vary_do_not_fill_it() -> None:
    known = Lexicon()
    for length in range(1, 400):
        known.ids_of(b"".join(b"pid %s of %s status: %d\n" % (b"7" * length, b"1" * i, 1000 + i) for i in range(1, 20)))
    assert len(known.patterns) == 1
    assert not known.full()


def test_codes_that_are_forgotten_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MAX_CACHE_BYTES", 20_000)
    known = Lexicon()
    lines = [b"%s status: 404 took %s rc=%d" % (b"7" * (n % 40), b"1" * (n % 30), n % 9) for n in range(2000)]
    for start in range(0, 2000, 50):
        some = [*lines[start : start + 50], *lines[:20]]
        assert quickly(known, some) == [definition_of(line) for line in some]
