"""The score stage while the embedding service is away: turns are taken by hand, the backlog is a real file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from logwatchd.journal import Event
from logwatchd.scoring.backlog import FILE_NAME, Backlog
from logwatchd.scoring.context import CONTEXT_LINES
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.outage import Outage
from logwatchd.scoring.twin import save_with_twin, twin_beside, twin_of, twin_path
from tests.scoring.making import FAULT, NORMAL, SPEC, StageBench, learn

EMBEDDER = LocalEmbedder()
OTHER = "ERROR OSError: [Errno 28] No space left on device"


class Bench(StageBench):
    """A stage that can do without the service; `away` is what the breaker says, and the backlog is a real file."""

    def __init__(self, state_dir: Path, max_bytes: int = 1 << 20) -> None:
        self.away = False
        self.backlog = Backlog(state_dir, max_bytes)
        self.outage = Outage(self.backlog, lambda: self.away, self._keep_only, lambda: not self.asked)
        super().__init__(outage=self.outage)

    def _keep_only(self, wanted: object) -> None:
        self.asked = {text: None for text in self.asked if text in wanted}  # type: ignore[operator]

    def settle(self) -> None:
        """Answer whatever is asked until nothing waits."""
        for _ in range(100):
            self.turn()
            self.answer()
            if not self.queue.in_flight and not self.backlog.lines:
                return
        raise AssertionError("lines still wait")

    @property
    def found(self) -> list[str]:
        return [anomaly.line for anomaly in self.anomalies]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@contextmanager
def failing(folder: Path) -> Iterator[None]:
    """SQLite can do nothing with the lines that are kept there."""
    for statement in ("ALTER TABLE late RENAME TO gone", "ALTER TABLE gone RENAME TO late"):
        with closing(sqlite3.connect(folder / FILE_NAME)) as other:
            other.execute(statement)
        if statement.endswith("gone"):
            yield


def test_known_lines_go_on_and_new_ones_are_scored_late_in_order(bench: Bench) -> None:
    bench.away = True
    blocks = [bench.put([*NORMAL, FAULT], offset=0), bench.put([OTHER, *NORMAL], offset=5000)]
    bench.turn()
    assert bench.done == blocks
    assert bench.stage.lines == 2 * len(NORMAL)
    assert bench.backlog.lines == 2
    bench.away = False
    bench.settle()
    assert bench.found == [FAULT, OTHER]
    assert all(anomaly.late for anomaly in bench.anomalies)
    assert bench.stage.lines == 2 * len(NORMAL) + 2
    assert bench.stage.late_lines == 2
    assert (bench.anomalies[1].offset, bench.anomalies[1].end) == (5000, 5000 + len(OTHER) + 1)
    assert bench.done == blocks  # committed once


def test_a_known_anomaly_among_new_texts_alerts_at_once(bench: Bench) -> None:
    bench.put([FAULT])
    bench.settle()
    bench.away = True
    bench.put([NORMAL[0], OTHER, FAULT], offset=100)
    bench.turn()
    assert bench.found == [FAULT, FAULT]
    assert not bench.anomalies[1].late
    bench.away = False
    bench.settle()
    assert bench.found == [FAULT, FAULT, OTHER]


def test_context_is_that_of_the_file_also_from_blocks_before(bench: Bench) -> None:
    bench.put([f"INFO user {i} logged out" for i in range(60)])
    bench.turn()
    bench.away = True
    bench.put(["INFO user 60 logged out", FAULT], offset=5000)
    bench.turn()
    bench.away = False
    bench.settle()
    (anomaly,) = bench.anomalies
    assert len(anomaly.details.background().context) == CONTEXT_LINES
    assert anomaly.details.background().context[0] == "INFO user 11 logged out"
    assert anomaly.details.background().context[-1] == "INFO user 60 logged out"


def test_what_came_later_stays_behind_what_is_kept(bench: Bench) -> None:
    bench.away = True
    bench.put([FAULT])
    bench.turn()
    bench.away = False
    bench.put([OTHER], offset=100)
    bench.turn()
    assert bench.found == []
    bench.settle()
    assert bench.found == [FAULT, OTHER]


def test_kept_lines_outlive_the_process(bench: Bench, tmp_path: Path) -> None:
    bench.away = True
    bench.put([NORMAL[0], FAULT, NORMAL[1]], offset=700)
    bench.turn()
    after = Bench(tmp_path)
    after.turn()
    after.settle()
    (anomaly,) = after.anomalies
    assert (anomaly.line, anomaly.late) == (FAULT, True)
    assert anomaly.offset == 700 + len(NORMAL[0]) + 1
    assert anomaly.source == SPEC


def test_what_comes_after_a_damaged_file_is_kept_and_scored(bench: Bench, tmp_path: Path) -> None:
    bench.away = True
    bench.put([FAULT])
    bench.turn()
    bench.turn()
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"{FILE_NAME}{suffix}").write_bytes(b"rubbish " * 1024)
    bench.backlog.close()
    bench.put([OTHER], offset=5000)
    bench.turn()
    bench.away = False
    bench.settle()
    assert bench.found == [FAULT, OTHER]  # the first one was in memory already
    assert bench.backlog.lines == 0


def test_a_full_backlog_holds_lines_back_and_loses_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=2000)
    bench.away = True
    lines = [f"ERROR {chr(97 + i % 26) * 8}{chr(97 + i // 26) * 9} is broken" for i in range(60)]
    for index, line in enumerate(lines):
        bench.put([line], offset=index * 100)
    bench.turn()
    assert 0 < bench.backlog.lines < 60
    assert len(bench.done) == bench.backlog.lines
    bench.away = False
    bench.settle()
    assert bench.stage.lines == 60
    assert sorted(bench.found) == sorted(lines)


def test_lines_that_cannot_be_kept_are_held_back_which_is_said_once(bench: Bench, tmp_path: Path) -> None:
    bench.away = True
    blocks = [bench.put([FAULT])]
    bench.turn()
    for number in (1, 2):
        blocks.append(bench.put([f"{OTHER} {'!' * number}"], offset=number * 100))
        with capture_logs() as entries, failing(tmp_path):
            bench.turn()
            bench.turn()
            assert bench.done == blocks[:-1]
        # Of reading as well, but nobody has read since.
        assert [entry["event"] for entry in entries] == [Event.BACKLOG_FAILS] * (2 if number == 1 else 1)
        bench.turn()
        assert bench.done == blocks


def test_kept_lines_that_cannot_be_read_are_scored_later_which_is_said_once(bench: Bench, tmp_path: Path) -> None:
    bench.away = True
    bench.put([FAULT])
    bench.turn()
    after = Bench(tmp_path)
    with capture_logs() as entries:
        with failing(tmp_path):
            after.turn()
            after.turn()
        after.turn()
        after.settle()
        after.turn()
    assert after.found == [FAULT]
    assert [entry["event"] for entry in entries] == [Event.BACKLOG_FAILS, Event.BACKLOG_DONE]


def test_nothing_is_written_while_the_service_is_well(bench: Bench, tmp_path: Path) -> None:
    bench.put([FAULT])
    bench.settle()
    assert not (tmp_path / FILE_NAME).exists()


def test_texts_that_are_kept_are_not_asked_for_beyond_a_window(bench: Bench) -> None:
    bench.put([FAULT])
    bench.turn()
    assert len(bench.asked) == 1
    bench.away = True
    for index in range(30):
        bench.put([f"ERROR {chr(97 + index) * 9} is broken"], offset=1000 + index * 100)
    bench.turn()
    assert len(bench.asked) <= 1
    assert bench.backlog.lines == 31


def test_a_twin_judges_at_once_and_its_verdicts_are_for_the_time_being(bench: Bench) -> None:
    bench.stage.swap(Detector(learn()), Detector(twin_of(learn())))
    bench.away = True
    block = bench.put([*NORMAL, FAULT])
    bench.turn()
    assert bench.done == [block]
    assert bench.found == [FAULT]
    assert bench.anomalies[0].by_twin
    assert bench.stage.twin_lines == 1
    assert list(bench.asked) == [bench.anomalies[0].verdict.pattern]  # to learn when the service is back
    bench.put([FAULT, *NORMAL], offset=500)
    bench.turn()
    assert [anomaly.by_twin for anomaly in bench.anomalies] == [True, True]
    assert bench.stage.twin_lines == 2
    bench.asked.clear()
    bench.away = False
    bench.put([FAULT], offset=900)
    bench.turn()
    assert bench.found == [FAULT, FAULT]  # asked anew
    bench.settle()
    assert bench.found == [FAULT, FAULT, FAULT]
    assert not bench.anomalies[2].by_twin
    bench.put([FAULT], offset=1000)
    bench.turn()
    assert len(bench.found) == 4  # the service's verdict is one for good


def test_what_a_twin_judges_is_not_asked_for_any_more(bench: Bench) -> None:
    bench.stage.swap(Detector(learn()), Detector(twin_of(learn())))
    bench.put([FAULT])
    bench.turn()
    assert len(bench.asked) == 1
    bench.away = True
    bench.turn()
    assert bench.found == [FAULT]
    assert not bench.asked


def test_kept_lines_beyond_a_window_are_taken_up_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatchd.scoring.backlog._WINDOW", 1)
    bench.away = True
    for offset, line in enumerate((FAULT, OTHER)):
        bench.put([line], offset=offset * 100)
    bench.turn()
    bench.away = False
    bench.turn()
    bench.answer()
    bench.put(NORMAL, inode=2)
    assert bench.turn() == 0.0
    assert bench.found == [FAULT]
    bench.turn()
    bench.answer()
    bench.turn()
    assert bench.found == [FAULT, OTHER]


def test_a_reload_keeps_what_is_kept(bench: Bench) -> None:
    bench.away = True
    bench.put([FAULT, OTHER])
    bench.turn()
    bench.stage.swap(Detector(learn([*NORMAL, FAULT])))
    bench.away = False
    bench.settle()
    assert bench.found == [OTHER]


def test_a_twin_lies_beside_its_baseline_and_is_made_anew_for_another(tmp_path: Path) -> None:
    class Remote(LocalEmbedder):
        name = "openai:m"

    path = tmp_path / "baseline"
    baseline = learn(embedder=Remote())
    save_with_twin(baseline, path)
    written = twin_path(path).stat().st_mtime_ns
    assert twin_beside(baseline, path).patterns == baseline.patterns
    assert twin_path(path).stat().st_mtime_ns == written
    other = learn([*NORMAL, FAULT] * 50, embedder=Remote())
    assert twin_beside(other, path).patterns == other.patterns
    assert twin_path(path).stat().st_mtime_ns != written
    assert twin_beside(other, path).manifest.embedder == LocalEmbedder.name
