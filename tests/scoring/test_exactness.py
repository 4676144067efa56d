"""The fast way from lines to verdicts beside the slow one, which asks everything anew for each line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd import clock
from logwatchd.records import Level, Verdict
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.local import LocalEmbedder
from tests.conftest import ROOT
from tests.helpers import LONG, no_threads
from tests.scoring.making import FAULT, NORMAL, block_of, definition_of

DATA = ROOT.parent / "shared" / "data"
SETS = sorted(path.parent for path in DATA.glob("*/baseline.log"))
NONE: frozenset[Level] = frozenset()
EMBEDDER = LocalEmbedder()


def detector_of(good: bytes) -> Detector:
    builder = BaselineBuilder()
    builder.add(good)
    return Detector(
        builder.build(EMBEDDER.embed, EMBEDDER, clusters=None, threshold=None, sources=["x"], built_at=clock.utc_now())
    )


def slowly(detector: Detector, line: bytes) -> Verdict:
    """The definition: no cache, no other line."""
    pattern, level = definition_of(line)
    known = detector.known(pattern, level)
    return known if known is not None else detector.judge([pattern], [level], EMBEDDER.embed([pattern]))[0]


def quickly(judge: Judge, lines: list[bytes]) -> list[Verdict]:
    ids = judge.ids_of(b"".join(line + b"\n" for line in lines)).tolist()
    judge.settle(judge.undecided(dict.fromkeys(ids), NONE), EMBEDDER.embed)
    return [judge.verdict(i, None) for i in ids]


def assert_same(fast: Verdict, slow: Verdict, line: bytes) -> None:
    assert (fast.pattern, fast.level, fast.anomaly) == (slow.pattern, slow.level, slow.anomaly), line
    assert fast.score == pytest.approx(slow.score, abs=1e-5), line  # BLAS adds up one row and many in another order


GOOD = block_of(NORMAL * 300)
PIECES = [*" ".join([*NORMAL, FAULT]).split(" "), "404", "503", "ERROR", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "0x1f"]
LINES = st.lists(st.sampled_from(PIECES) | st.integers(0, 10**9).map(str), max_size=12).map(
    lambda w: " ".join(w).encode()
)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return detector_of(GOOD)


@settings(max_examples=100)
@given(blocks=st.lists(st.lists(LINES, max_size=12), max_size=4))
def test_blocks_are_judged_as_their_lines_are(detector: Detector, blocks: list[list[bytes]]) -> None:
    judge = Judge(detector)
    for lines in blocks:
        for fast, line in zip(quickly(judge, lines), lines, strict=True):
            assert_same(fast, slowly(detector, line), line)


def test_without_threads_many_new_texts_are_judged_all_the_same(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logwatchd.scoring.detector._CORES", 2)
    texts = [f"{word} {other} has gone" for word in PIECES for other in PIECES]
    levels, vectors = [Level.ERROR] * len(texts), EMBEDDER.embed(texts)
    before = detector.judge(texts, levels, vectors)
    with no_threads():
        assert detector.judge(texts, levels, vectors) == before


def check(folder: Path, most: int | None) -> None:
    detector = detector_of((folder / "baseline.log").read_bytes())
    judge = Judge(detector)
    lines = (folder / "test.log").read_bytes().removesuffix(b"\n").split(b"\n")[:most]
    for begin in range(0, len(lines), 1000):
        some = lines[begin : begin + 1000]
        for fast, line in zip(quickly(judge, some), some, strict=True):
            assert_same(fast, slowly(detector, line), line)


@pytest.mark.slow
@pytest.mark.skipif(not SETS, reason=f"needs the logs in {DATA}")
def test_some_real_lines_are_judged_as_by_themselves() -> None:
    check(DATA / "bgl", 500)


@LONG
@pytest.mark.slow
@pytest.mark.skipif(not SETS, reason=f"needs the logs in {DATA}")
@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_every_real_line_is_judged_as_by_itself(folder: Path) -> None:
    check(folder, None)
