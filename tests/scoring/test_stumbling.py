"""Faults that nobody foresaw, over one line: injected where lines are normalised, judged and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from logwatchd.journal import Event
from logwatchd.parsing import normalise
from logwatchd.records import Anomaly, Level
from logwatchd.scoring import lexicon
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.lexicon import UNREADABLE
from logwatchd.scoring.stumbling import MOST
from tests.scoring.making import FAULT, NORMAL, StageBench, learn

ODD = "ERROR zorp is a word of no language: the disk of the heart is gone"
LINES = [*NORMAL, ODD, *NORMAL, FAULT]


class StrangeError(Exception):
    """Nobody has ever heard of it."""


def stumbling(real: Callable[..., Any], at: int = 0) -> Callable[..., Any]:
    """The same, but for texts with a certain word. at: which argument the texts are."""

    def patched(*args: Any) -> Any:
        if any("zorp" in text for text in args[at]):
            raise StrangeError("the secret is zorp")
        return real(*args)

    return patched


def judged(bench: StageBench, lines: Sequence[str] = LINES) -> list[str]:
    """The lines that are told of, once all is committed."""
    block = bench.put(lines)
    for _ in range(10):
        bench.turn()
        bench.answer()
    assert bench.done == [block]
    assert bench.stage.lines == len(lines)
    return [anomaly.line for anomaly in bench.anomalies]


def test_what_only_the_quick_way_stumbles_over_is_judged_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    right = StageBench()
    assert judged(right) == [ODD, FAULT]
    monkeypatch.setattr(lexicon, "patterns_of", stumbling(lexicon.patterns_of))
    bench = StageBench()
    assert judged(bench) == [ODD, FAULT]
    assert [anomaly.verdict for anomaly in bench.anomalies] == [anomaly.verdict for anomaly in right.anomalies]
    assert bench.stage.stumbles.lines == 0


def test_a_line_that_cannot_be_normalised_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lexicon, normalise):
        monkeypatch.setattr(module, "patterns_of", stumbling(normalise.patterns_of))
    bench = StageBench()
    assert judged(bench) == [ODD, FAULT]
    told = bench.anomalies[0].verdict
    assert (told.pattern, told.level) == (UNREADABLE, Level.UNKNOWN)
    assert judged_again(bench) == [ODD, FAULT], "the next block goes the quick way again"


def judged_again(bench: StageBench) -> list[str]:
    bench.anomalies.clear()
    bench.done.clear()
    before = bench.stage.lines
    bench.put(LINES, offset=10_000)
    for _ in range(10):
        bench.turn()
        bench.answer()
    assert bench.stage.lines == before + len(LINES)
    return [anomaly.line for anomaly in bench.anomalies]


def test_a_text_that_cannot_be_judged_is_as_new_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Detector, "judge", stumbling(Detector.judge, at=1))
    bench = StageBench()
    assert judged(bench) == [ODD, FAULT]
    odd, fault = (anomaly.verdict for anomaly in bench.anomalies)
    assert (odd.score, odd.novelty, odd.nearest) == (1.0, 1.0, None)
    assert fault.nearest is not None
    assert bench.anomalies[0].details.background().differs == ()
    assert not bench.anomalies[0].details.vector().any()


class Telling(StageBench):
    """Stumbles when it is to tell of a certain line; `store` may have told of those before it."""

    def _store(self, anomalies: Sequence[Anomaly], now: float) -> None:
        for anomaly in anomalies:
            if "zorp" in anomaly.line:
                raise StrangeError("the secret is zorp")
        super()._store(anomalies, now)


def test_a_line_that_cannot_be_told_is_passed_over_and_named() -> None:
    bench = Telling()
    others = [f"ERROR of another kind, the {word}" for word in ("first", "second", "third")]
    with capture_logs() as logged:
        assert judged(bench, [others[0], *LINES, *others[1:]]) == [others[0], FAULT, *others[1:]]
    assert bench.stage.stumbles.lines == 1
    (said,) = (entry for entry in logged if entry["event"] is Event.LINE_UNTOLD)
    offset = len("".join(f"{line}\n" for line in [others[0], *NORMAL]))
    assert (said["path"], said["offset"], said["bytes"]) == ("/var/log/1.log", offset, len(ODD))
    assert said["reason"].startswith("StrangeError at test_stumbling.py:")
    assert "zorp" not in str(said), "it may be a secret that redaction stumbled over"


def test_where_every_line_is_stumbled_over_no_line_is_at_fault() -> None:
    bench = Telling(learn())
    bench.put([f"ERROR zorp {word * 8} {word * 5}" for word in map(chr, range(ord("a"), ord("z") + 1))] * 5)

    def turns() -> None:
        for _ in range(10 * MOST):
            bench.turn()
            bench.answer()

    with pytest.raises(StrangeError):
        turns()
    assert bench.stage.stumbles.lines <= MOST
    assert bench.done == []


@pytest.mark.parametrize("error", [MemoryError(), OSError("no such device")], ids=repr)
def test_a_fault_of_the_machine_is_no_lines(error: Exception) -> None:
    bench = StageBench()
    bench.put(LINES)
    bench.turn()
    bench.answer()
    bench.trouble = error
    with pytest.raises(type(error)):
        bench.turn()
