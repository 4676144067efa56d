"""The score stage: order, what is committed when, context, reload. No threads: turns are taken by hand."""

from __future__ import annotations

import pytest

from logwatchd.errors import RetryableError
from logwatchd.flow import BlockQueue
from logwatchd.records import Block, FileId
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.stage import CONTEXT_LINES
from tests.scoring.making import (
    FAULT,
    NORMAL,
    QUIET,
    REWORDED,
    SPEC,
    StageBench,
    block_of,
    learn,
    learn_logs,
    noisy_log,
)

EMBEDDER = LocalEmbedder()


@pytest.fixture
def bench() -> StageBench:
    return StageBench()


def test_known_lines_are_committed_without_any_vector(bench: StageBench) -> None:
    block = bench.put(NORMAL)
    bench.turn()
    assert bench.done == [block]
    assert not bench.asked
    assert bench.stage.lines == len(NORMAL)


def test_a_block_with_a_new_text_waits_for_its_verdict(bench: StageBench) -> None:
    block = bench.put([*NORMAL, FAULT])
    bench.turn()
    assert bench.done == []
    bench.answer()
    bench.turn()
    assert bench.done == [block]
    assert [anomaly.line for anomaly in bench.anomalies] == [FAULT]


def test_a_log_has_its_own_threshold() -> None:
    bench = StageBench(learn_logs({"/var/log/1.log": QUIET, "/var/log/2.log": noisy_log()}))
    blocks = [bench.put([REWORDED], inode) for inode in (1, 2, 3)]
    bench.turn()
    bench.answer()
    bench.turn()
    assert bench.done == blocks
    own = {anomaly.path: anomaly.verdict for anomaly in bench.anomalies}
    assert set(own) == {"/var/log/1.log", "/var/log/3.log"}  # the third is unknown, and taken for an ordinary one
    assert own["/var/log/1.log"].threshold < own["/var/log/3.log"].threshold < own["/var/log/3.log"].score


def test_an_anomaly_knows_its_place_and_what_stood_before_it(bench: StageBench) -> None:
    bench.put([f"INFO user {i} logged out" for i in range(60)])
    second = bench.put(["INFO user 60 logged out", FAULT], offset=5000)
    bench.turn()
    bench.answer()
    bench.turn()
    (anomaly,) = bench.anomalies
    assert anomaly.offset == 5000 + len("INFO user 60 logged out\n")
    assert anomaly.file == second.file
    assert len(anomaly.context) == CONTEXT_LINES
    assert anomaly.context[-1] == "INFO user 60 logged out"
    assert anomaly.context[0] == "INFO user 11 logged out"


def test_a_trace_is_one_anomaly_with_its_newlines_and_its_place(bench: StageBench) -> None:
    trace = "ERROR job failed\nTraceback (most recent call last):\n  File x, line 1\nKeyError: 'a'"
    data = block_of([NORMAL[1], trace, NORMAL[1]])
    start = len(NORMAL[1]) + 1
    inner = tuple(start + at for at, char in enumerate(trace) if char == "\n")
    bench.queue.put(Block(SPEC, "/x.log", FileId(1, 1, 0), 700, data, 700 + len(data), inner))
    bench.turn()
    bench.answer()
    bench.turn()
    (anomaly,) = bench.anomalies
    assert anomaly.line == trace
    assert anomaly.offset == 700 + start
    assert (
        anomaly.verdict.pattern == "ERROR job failed Traceback (most recent call last): File x, line <N> KeyError: 'a'"
    )
    assert bench.stage.lines == 3


def test_places_in_a_file_of_another_encoding_are_the_files_own(bench: StageBench) -> None:
    data = block_of(["grün INFO user 17 logged out", FAULT])
    bench.queue.put(Block(SPEC, "/x.log", FileId(1, 1, 0), 1000, data, 2000, coding="utf-16-le"))
    bench.turn()
    bench.answer()
    bench.turn()
    assert bench.anomalies[-1].offset == 1000 + 2 * len("grün INFO user 17 logged out\n")


def test_blocks_of_a_file_keep_their_order_and_other_files_go_on(bench: StageBench) -> None:
    first = bench.put([FAULT], inode=1)
    second = bench.put(NORMAL, inode=1, offset=100)
    other = bench.put(NORMAL, inode=2)
    bench.turn()
    assert bench.done == [other]
    bench.answer()
    bench.turn()
    assert bench.done == [other, first, second]


def test_nothing_is_committed_before_its_anomalies_are_stored(bench: StageBench) -> None:
    block = bench.put([FAULT])
    bench.turn()
    bench.answer()
    bench.trouble = RetryableError("disk full")
    delay_s = bench.turn()
    assert bench.done == []
    assert 0 < delay_s <= 1
    bench.trouble = None
    bench.turn()
    assert bench.done == [block]
    assert len(bench.anomalies) == 1


def test_many_anomalies_are_stored_some_at_once_and_each_of_them_once(bench: StageBench) -> None:
    block = bench.put([*[FAULT, NORMAL[0]] * 700, FAULT])
    bench.turn()
    bench.answer()
    bench.trouble, bench.trouble_after = RetryableError("disk full"), 1
    bench.turn()
    assert bench.done == []
    assert 1 <= len(bench.anomalies) == bench.stage.anomalies < 701
    bench.trouble = None
    bench.stage.swap(Detector(learn()))
    bench.turn()
    bench.answer()
    bench.turn()
    assert bench.done == [block]
    places = [anomaly.offset for anomaly in bench.anomalies]
    assert len(places) == bench.stage.anomalies == 701
    assert places == sorted(set(places))


def test_a_reload_judges_what_waits_by_the_new_baseline(bench: StageBench) -> None:
    block = bench.put([FAULT])
    bench.turn()
    bench.stage.swap(Detector(learn([*NORMAL, FAULT])))
    bench.turn()
    assert bench.done == [block]
    assert bench.anomalies == []


def test_vectors_of_another_embedder_are_not_believed(bench: StageBench) -> None:
    bench.put([FAULT])
    bench.turn()
    bench.stage.give([*bench.asked], EMBEDDER.embed([*bench.asked]), "openai:text-embedding-3-small")
    bench.turn()
    assert bench.done == []


def test_the_queue_is_bounded_until_blocks_are_done() -> None:
    queue = BlockQueue(max_bytes=10, max_blocks=100)
    block = Block(SPEC, "/x", FileId(1, 1, 0), 0, b"12345678\n", 9)
    woken: list[bool] = []
    queue.on_room = lambda: woken.append(True)
    queue.put(block)
    assert queue.room()
    queue.put(block)
    assert not queue.room()
    assert len(queue.take()) == 2
    assert not queue.room()  # taken is not done
    queue.done(block)
    assert queue.room()
    assert woken == [True]
