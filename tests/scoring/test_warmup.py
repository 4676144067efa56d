"""What is learned without a baseline: kept over a stop, and never a line of alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logwatchd.errors import BaselineError
from logwatchd.records import Block, FileId, Level, Mask, SourceSpec
from logwatchd.scoring.local import DIMENSIONS, LocalEmbedder
from logwatchd.scoring.warmup import FILE_NAME, AlarmsOnly, WarmUp, settled
from tests.scoring.making import NORMAL, block_of

ALARM = "CRITICAL reactor two is on fire"


def block(*lines: str, path: str = "/var/log/app.log") -> Block:
    data = block_of(lines)
    return Block(SourceSpec((path,)), path, FileId(1, 2, 0), 0, data, len(data))


@pytest.mark.parametrize(
    ("learned_s", "lines", "unseen", "growing", "done"),
    [
        (3600, 20_000, 0.0009, False, True),
        (3599, 20_000, 0.0, False, False),
        (3600, 19_999, 0.0, False, False),
        (3600, 20_000, 0.001, False, False),
        (3600, 20_000, 0.0, True, False),
    ],
)
def test_patterns_have_settled(learned_s: float, lines: int, unseen: float, growing: bool, done: bool) -> None:
    assert settled(learned_s, lines, unseen, growing) is done


def test_it_learns_what_passes_but_no_line_of_alarm(tmp_path: Path) -> None:
    warm_up = WarmUp(tmp_path, (), now=100.0)
    with pytest.raises(BaselineError):
        warm_up.knowledge()
    warm_up.add(block(*NORMAL * 10, ALARM))
    known = warm_up.knowledge()
    assert known.lines == len(NORMAL) * 10 + 1
    assert not any("reactor" in text for text in known.counts)
    assert known.sources == ("/var/log/app.log",)
    learned = warm_up.progress(now=160.0)
    assert (learned.learned_s, learned.patterns) == (60.0, len(known.counts))


def test_what_was_learned_outlives_a_stop(tmp_path: Path) -> None:
    first = WarmUp(tmp_path, (), now=0.0)
    first.add(block(*NORMAL * 10))
    first.save(now=50.0)
    second = WarmUp(tmp_path, (), now=1000.0)
    assert second.progress(now=1010.0).learned_s == 60.0
    assert second.knowledge().counts == first.knowledge().counts
    second.add(block("INFO a new kind of line", path="/var/log/other.log"))
    both = second.knowledge()
    assert both.lines == len(NORMAL) * 10 + 1
    assert set(both.counts) > set(first.knowledge().counts)
    assert both.sources == ("/var/log/app.log", "/var/log/other.log")
    second.forget()
    assert WarmUp(tmp_path, (), now=0.0).progress(now=0.0).lines == 0


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"learned_s": 5}', "other masks"])
def test_what_was_kept_and_is_of_no_use_is_left(damage: str, tmp_path: Path) -> None:
    kept = WarmUp(tmp_path, (), now=0.0)
    kept.add(block(*NORMAL))
    kept.save(now=50.0)
    if damage != "other masks":
        (tmp_path / FILE_NAME).write_text(damage)
    masks = (Mask("order", "ORD-.", "<ORDER>"),) if damage == "other masks" else ()
    assert WarmUp(tmp_path, masks, now=0.0).progress(now=0.0).learned_s == 0.0


def test_what_another_version_learned_goes_on_and_is_told_as_such(tmp_path: Path) -> None:
    kept = WarmUp(tmp_path, (), now=0.0)
    kept.add(block(*NORMAL))
    kept.save(now=50.0)
    content = json.loads((tmp_path / FILE_NAME).read_text())
    content["knowledge"]["normaliser"] = "0-old"
    (tmp_path / FILE_NAME).write_text(json.dumps(content))
    later = WarmUp(tmp_path, (), now=0.0)
    assert later.progress(now=0.0).learned_s == 50.0
    assert later.knowledge().normaliser.split(", ")[0] == "0-old"
    assert later.knowledge().counts.keys() == kept.knowledge().counts.keys()


def test_masks_are_kept_as_well(tmp_path: Path) -> None:
    masks = (Mask("order", "ORD-.", "<ORDER>"),)
    kept = WarmUp(tmp_path, masks, now=0.0)
    kept.add(block("INFO ORD-A accepted"))
    kept.save(now=5.0)
    assert WarmUp(tmp_path, masks, now=0.0).knowledge() == kept.knowledge()


def test_only_lines_of_alarm_are_anomalies() -> None:
    embedder = LocalEmbedder()
    judge = AlarmsOnly((), embedder, DIMENSIONS)
    for level in Level:
        known = judge.known("some text", level)
        assert (known is None) == (level in {Level.CRITICAL, Level.FATAL})
        assert known is None or not known.anomaly
    (verdict,) = judge.judge(["reactor is on fire"], [Level.CRITICAL], embedder.embed(["reactor is on fire"]))
    assert verdict.anomaly
