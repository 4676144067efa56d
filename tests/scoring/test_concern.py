"""Levels and words of failure weigh on novelty: monotone, bounded, and only where they are wanted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.parsing.level import level_of
from logwatchd.records import Level
from logwatchd.scoring.concern import Concern, concern_of, evidence_of, score_of, scores_of
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from tests.scoring.making import learn

SHARES = st.floats(0, 1)
LEVELS = st.floats(-1.5, 1.5)
FAILED = st.sampled_from([0.0, 1.0, 2.0])
CONCERNS = st.builds(Concern, LEVELS, st.booleans(), FAILED)


@given(SHARES, SHARES, CONCERNS, st.floats(0, 2), st.booleans(), FAILED, CONCERNS)
def test_the_score_grows_with_novelty_and_with_concern(
    novelty: float, other: float, calm: Concern, worse: float, alarming: bool, failed: float, known: Concern
) -> None:
    low, high = sorted((novelty, other))
    alarmed = Concern(calm.level + worse, calm.alarming or alarming, max(calm.failed, failed))
    assert score_of(low, evidence_of(calm, known)) <= score_of(high, evidence_of(calm, known)) + 1e-12
    assert score_of(low, evidence_of(calm, known)) <= score_of(low, evidence_of(alarmed, known)) + 1e-12


@given(SHARES, CONCERNS, CONCERNS)
def test_a_score_is_a_share_and_what_is_known_stays_known(novelty: float, concern: Concern, known: Concern) -> None:
    evidence = evidence_of(concern, known)
    assert 0.0 <= score_of(novelty, evidence) <= 1.0
    assert score_of(0.0, evidence) == 0.0
    assert score_of(novelty, 0.0) == pytest.approx(novelty)


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(-2, 3, width=32)), min_size=1, max_size=50))
def test_many_scores_at_once_are_the_same(pairs: list[tuple[float, float]]) -> None:
    novelties, evidence = (np.array(column, np.float32) for column in zip(*pairs, strict=True))
    assert scores_of(novelties, evidence) == pytest.approx([score_of(*pair) for pair in pairs], abs=1e-5)


def test_levels_are_ordered() -> None:
    def total(level: Level, text: str = "x") -> float:
        return concern_of(level, text).total

    concerns = [total(level) for level in sorted(set(Level) - {Level.UNKNOWN})]
    assert concerns == sorted(concerns)
    assert total(Level.INFO) < total(Level.UNKNOWN) < total(Level.ERROR)
    assert total(Level.INFO) < total(Level.INFO, "disk failed")
    assert total(Level.ERROR, "disk failed") == total(Level.ERROR)


def test_words_of_failure_that_are_known_there_tell_nothing() -> None:
    refused = concern_of(Level.WARNING, "sign-in of zoltan refused")
    accepted = concern_of(Level.WARNING, "sign-in of zoltan accepted")
    assert evidence_of(refused, accepted) > evidence_of(refused, refused) == evidence_of(accepted, accepted)


def test_an_error_counts_more_where_only_info_was_written() -> None:
    embedder = LocalEmbedder()
    text = "disk three has new red sectors"
    vector = embedder.embed([text])

    def score(lines: list[str], level: Level, *, levels: bool = True) -> float:
        return Detector(learn(lines), levels=levels).judge([text], [level], vector)[0].score

    calm, noisy = ["INFO disk three has new sectors"] * 9, ["ERROR disk three has new sectors"] * 9
    assert score(calm, Level.ERROR) > score(noisy, Level.ERROR) > score(noisy, Level.UNKNOWN) > score(noisy, Level.INFO)
    plain = {score(lines, level, levels=False) for lines in (calm,) for level in Level}
    assert len(plain) == 1


def test_a_5xx_counts_where_none_was_known_however_long_the_line_is() -> None:
    """An access log's line is mostly agent and referrer; the status is all that an outage changes."""
    agent = '"GET <PATH>" {} <N> "http://shop.example.org/cart" "Mozilla/<N> (X<N>; Linux x<N>) AppleWebKit/<N>"'
    embedder = LocalEmbedder()

    def score(known: int, status: int) -> float:
        texts = [agent.format(status)]
        return Detector(learn([agent.format(known)] * 9)).judge(texts, [Level.UNKNOWN], embedder.embed(texts))[0].score

    assert score(200, 502) > 0.8 > 0.5 > score(200, 404)
    assert score(500, 502) < 0.5


def test_a_4xx_that_was_never_given_is_news_in_a_log_without_other_news_however_long_the_line_is() -> None:
    line = (
        '<IP> - - [<TIME>] "GET <PATH>" {} <N> "http://<HOST>/<PATH>"'
        ' "Mozilla/<N> (X<N>; Linux x<N>) AppleWebKit/<N> (KHTML, like Gecko) {}/<N> Mobile Safari/<N>"'
    )
    known = [(200, "Chrome"), (304, "Chrome"), (404, "Chrome"), (200, "Firefox"), (301, "Firefox")]
    detector, embedder = Detector(learn([line.format(*each) for each in known] * 800)), LocalEmbedder()

    def told(status: int, agent: str) -> bool:
        texts = [line.format(status, agent)]
        return detector.judge(texts, [Level.UNKNOWN], embedder.embed(texts))[0].anomaly

    assert [told(status, "Firefox") for status in (401, 403, 413, 499)] == [True] * 4
    assert not told(404, "Firefox")  # another agent had it
    assert not told(206, "Firefox")


def test_a_5xx_counts_beside_a_4xx_that_is_logged_as_an_error() -> None:
    """Some servers write every answer from 400 on at the level of an error; only the status tells which is theirs."""
    line = (
        '{"level":"error","ts":<N>,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"<V>",'
        '"proto":"HTTP/<N>","method":"GET","host":"<V>","uri":"<V>"},"duration":<N>,"size":<N>,"status":%d}'
    )
    embedder = LocalEmbedder()

    def score(known: int, status: int) -> float:
        texts = [line % status]
        return Detector(learn([line % known] * 9)).judge(texts, [Level.ERROR], embedder.embed(texts))[0].score

    assert score(404, 503) > 3 * score(404, 403)
    assert score(502, 503) < 2 * score(404, 403)
    assert evidence_of(concern_of(Level.ERROR, "status: 502"), concern_of(Level.ERROR, "status: 500")) == 1.0


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"info","logger":"com.example.shop.jobs.Cleaner","msg":"batch done","rows":<N>,"errors":%s}',
        "<TIME> INFO Tests run: <N>, Failures: %s, Errors: 0, Skipped: <N>, Time elapsed: <DURATION> -- in com.example",
        "<TIME> backup of the whole of <PATH>/shop: <N> files, <SIZE> copied, %s errors in <DURATION>",
    ],
)
def test_failures_are_counted_where_there_were_none_however_long_the_line_is(line: str) -> None:
    none, some = line % "0", line % "<N>"
    level = level_of(some)
    concern, calm = concern_of(level, some), concern_of(level, none)
    detector = Detector(learn([none, "INFO started"] * 9))
    verdict = detector.judge([some], [level], LocalEmbedder().embed([some]))[0]
    assert verdict.score > 0.08
    assert evidence_of(concern, concern) == concern.level == evidence_of(calm, concern)


def test_an_exit_code_counts_more_where_it_was_killed() -> None:
    embedder = LocalEmbedder()

    def score(code: int, known: int) -> float:
        texts = ["NOTICE: [pool www] child <N> exited with code {} after <DURATION> from start"] * 9
        text = texts[0].format(code)
        detector = Detector(learn([each.format(known) for each in texts]))
        return detector.judge([text], [Level.NOTICE], embedder.embed([text]))[0].score

    assert score(255, 0) > 0.3 > score(1, 0) > 0.1 > score(255, 1)


def test_without_levels_the_score_is_the_novelty() -> None:
    embedder = LocalEmbedder()
    verdict = Detector(learn(), levels=False).judge(["ERROR x is lost"], [Level.ERROR], embedder.embed(["ERROR x"]))[0]
    assert verdict.score == pytest.approx(verdict.novelty)
