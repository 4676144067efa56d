"""The stages together: what a stop does when one of them has died, or has very much to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.sources import Sources
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.pipeline import Pipeline, Scoring
from logwatchd.records import Anomaly, SourceSpec
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from tests.helpers import wait_until
from tests.scoring.making import FAULT, learn, noise

PATIENCE_S = 30.0


def test_a_stop_waits_for_no_stage_that_died(tmp_path: Path) -> None:
    def refuse(found: Sequence[Anomaly], now: float) -> None:
        raise MemoryError("there is no room left")  # of no line

    crashes: list[str] = []
    blocks = BlockQueue()
    source = Sources(
        [SourceSpec((f"{tmp_path}/*.log",), start_at="beginning")], blocks, StateFolder(tmp_path / "state")
    )
    scoring = Scoring(Detector(learn()), LocalEmbedder(), Limits())
    pipeline = Pipeline(blocks, source, scoring, refuse, lambda stage, error: crashes.append(f"{stage}: {error}"))
    pipeline.start()
    (tmp_path / "app.log").write_text(f"{FAULT}\n")
    wait_until(lambda: crashes)
    began = clock.monotonic()
    assert not pipeline.stop(PATIENCE_S)
    assert clock.monotonic() - began < PATIENCE_S / 2
    assert crashes == ["score: there is no room left"]


def test_a_stop_in_a_storm_leaves_most_of_it_to_the_next_start_and_none_is_lost_or_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logwatchd.pipeline._ENOUGH_S", 0.0)
    monkeypatch.setattr("logwatchd.ingest.reader.MAX_LINE_BYTES", 1 << 16)  # and so of a block
    lines = noise(20_000, seed=1)
    (tmp_path / "app.log").write_text("".join(f"{line}\n" for line in lines))
    told: list[str] = []
    baseline = learn()

    def storm() -> tuple[Pipeline, BlockQueue]:
        blocks = BlockQueue()
        source = Sources(
            [SourceSpec((f"{tmp_path}/*.log",), start_at="beginning")], blocks, StateFolder(tmp_path / "state")
        )
        pipeline = Pipeline(
            blocks,
            source,
            Scoring(Detector(baseline), LocalEmbedder(), Limits()),
            lambda found, now: told.extend(anomaly.line for anomaly in found),
            lambda stage, error: pytest.fail(f"{stage}: {error!r}"),
        )
        pipeline.start()
        return pipeline, blocks

    pipeline, blocks = storm()
    wait_until(lambda: told)
    assert not pipeline.stop(PATIENCE_S)
    assert not blocks.in_flight
    assert 0 < len(told) < len(lines)
    pipeline, blocks = storm()
    wait_until(lambda: len(told) >= len(lines))
    assert pipeline.stop(PATIENCE_S)
    assert told == lines
