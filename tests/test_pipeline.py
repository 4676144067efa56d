"""The stages together: what a stop does when one of them has died."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.sources import Sources
from logwatchd.pipeline import Pipeline, Scoring
from logwatchd.records import Anomaly, SourceSpec
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from tests.helpers import wait_until
from tests.scoring.making import FAULT, learn

PATIENCE_S = 30.0


def test_a_stop_waits_for_no_stage_that_died(tmp_path: Path) -> None:
    def refuse(found: Sequence[Anomaly], now: float) -> None:
        raise MemoryError("there is no room left")  # of no line

    crashes: list[str] = []
    blocks = BlockQueue()
    source = Sources([SourceSpec((f"{tmp_path}/*.log",), start_at="beginning")], blocks, tmp_path / "state")
    scoring = Scoring(Detector(learn()), LocalEmbedder(), Limits())
    pipeline = Pipeline(blocks, source, scoring, refuse, lambda stage, error: crashes.append(f"{stage}: {error}"))
    pipeline.start()
    (tmp_path / "app.log").write_text(f"{FAULT}\n")
    wait_until(lambda: crashes)
    began = clock.monotonic()
    assert not pipeline.stop(PATIENCE_S)
    assert clock.monotonic() - began < PATIENCE_S / 2
    assert crashes == ["score: there is no room left"]
