"""The score stage: order, what is committed when, context, reload. No threads: turns are taken by hand."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from logwatchd.errors import RetryableError
from logwatchd.flow import BlockQueue
from logwatchd.journal import Event
from logwatchd.records import Background, Block, FileId
from logwatchd.scoring.context import CONTEXT_LINES
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.local import LocalEmbedder
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
    noise,
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
    assert len(anomaly.details.background().context) == CONTEXT_LINES
    assert anomaly.details.background().context[-1] == "INFO user 60 logged out"
    assert anomaly.details.background().context[0] == "INFO user 11 logged out"


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
    lines = ["grün INFO user 17 logged out", FAULT, "noch ein Fehler: größer als zuvor", FAULT]
    data = block_of(lines)
    bench.queue.put(Block(SPEC, "/x.log", FileId(1, 1, 0), 1000, data, 2000, coding="utf-16-le"))
    bench.turn()
    bench.answer()
    bench.turn()
    ends = [1000, *(1000 + 2 * sum(len(line) + 1 for line in lines[: count + 1]) for count in range(4))]
    places = [(one.offset, one.end) for one in bench.anomalies]
    assert places[-3:] == [(ends[i], ends[i + 1]) for i in (1, 2, 3)]


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
    with capture_logs() as entries:
        delay_s = bench.turn()
        bench.turn()
    assert [entry["event"] for entry in entries] == [Event.STORING_FAILED]
    assert bench.stage.storing_trouble == "disk full"
    assert bench.done == []
    assert 0 < delay_s <= 1
    bench.trouble = None
    bench.turn()
    assert bench.stage.storing_trouble is None
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
    while not bench.done:
        bench.turn()
        bench.answer()
    assert bench.done == [block]
    places = [anomaly.offset for anomaly in bench.anomalies]
    assert len(places) == bench.stage.anomalies == 701
    assert places == sorted(set(places))


@pytest.mark.parametrize(("files", "most"), [(1, 6), (10, 20)])
def test_storms_in_some_files_hold_up_no_other(bench: StageBench, files: int, most: int) -> None:
    for seed in range(20):
        bench.put(noise(2500, seed), inode=10 + seed % files, offset=seed * 1_000_000)
    bench.turn()
    line = bench.put([FAULT], inode=1)
    turns = 0
    while line not in bench.done:
        bench.answer()
        bench.turn()
        turns += 1
    assert turns <= most
    assert FAULT in [anomaly.line for anomaly in bench.anomalies]
    assert len(bench.anomalies) < most * 1000 < 20 * 2500  # a part of the storms


def test_one_error_in_very_many_files_is_told_a_part_at_a_time(bench: StageBench) -> None:
    bench.put([FAULT])
    bench.turn()
    bench.answer()
    bench.turn()
    for inode in range(10, 70):
        for number in range(3):
            bench.put([FAULT] * 200, inode=inode, offset=number * 1_000_000)
    delay_s, most = 0.0, 0
    while delay_s == 0.0:
        before = len(bench.anomalies)
        delay_s = bench.turn()
        most = max(most, len(bench.anomalies) - before)
    assert len(bench.anomalies) == 1 + 60 * 3 * 200
    assert most <= 1000 + 60 * 50


def test_one_error_in_very_many_blocks_of_a_file_is_told_a_part_at_a_time(bench: StageBench) -> None:
    bench.put([FAULT])
    bench.turn()
    bench.answer()
    bench.turn()
    for number in range(1, 51):
        bench.put([FAULT] * 40, offset=number * 1_000_000)
    assert bench.turn() == 0.0
    assert 1 < len(bench.anomalies) <= 1 + 1000
    while bench.turn() == 0.0:
        pass
    assert len(bench.anomalies) == 1 + 50 * 40


def test_its_own_lines_in_a_storm_are_counted_once(bench: StageBench) -> None:
    own = "Nov 22 09:12:44 web1 logwatchd[12]: incidents: new incident of a kind that nobody has seen"
    bench.put([own, *[FAULT] * 600])
    while bench.turn() == 0.0 or bench.asked:
        bench.answer()
    assert [anomaly.line for anomaly in bench.anomalies] == [FAULT] * 600
    assert bench.stage.own_lines == 1


def test_all_of_a_storm_is_told_in_order_without_a_pause(bench: StageBench) -> None:
    """A turn that says it has nothing to do, while there is something, is a minute without alerts."""
    storm = [bench.put(noise(1500, seed), inode=seed // 6, offset=seed * 1_000_000) for seed in range(7)]
    delay_s = bench.turn()
    while delay_s == 0.0 or bench.asked:
        bench.answer()
        delay_s = bench.turn()
    assert sorted(block.offset for block in bench.done) == [block.offset for block in storm]
    places = [anomaly.offset for anomaly in bench.anomalies if anomaly.file.inode == 0]
    assert places == sorted(set(places))
    assert len(places) == 6 * 1500


def test_a_file_whose_texts_all_wait_for_vectors_leaves_room_for_another(bench: StageBench) -> None:
    for seed in range(30):
        bench.put(noise(1000, seed), inode=2, offset=seed * 1_000_000)
    bench.turn()
    line = bench.put(NORMAL, inode=1)
    bench.turn()
    assert bench.done == [line]


def test_while_a_files_texts_wait_for_vectors_no_turn_is_taken_for_its_other_lines(bench: StageBench) -> None:
    for seed in range(10):
        bench.put(noise(1000, seed), offset=seed * 1_000_000)
    assert bench.turn() > 0
    assert bench.turn() > 0


def test_verdicts_that_take_too_much_memory_begin_anew(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatchd.scoring.judge.MAX_VECTOR_BYTES", 0)
    blocks = [bench.put([FAULT])]
    bench.turn()
    bench.answer()
    bench.turn()
    blocks.append(bench.put([FAULT], offset=1000))
    bench.turn()
    assert bench.done == blocks[:1]
    bench.answer()
    bench.turn()
    assert bench.done == blocks
    assert [anomaly.line for anomaly in bench.anomalies] == [FAULT, FAULT]


def test_of_a_backlog_of_known_lines_a_turn_takes_a_part(bench: StageBench) -> None:
    """Else a new line of another file would wait for all of it."""
    lines = NORMAL * (1_000_000 // len(block_of(NORMAL)))
    backlog = [bench.put(lines, inode=seed) for seed in range(12)]
    assert bench.turn() == 0.0
    assert 0 < len(bench.done) <= 6
    while len(bench.done) < len(backlog):
        assert bench.turn() == 0.0 or bench.done == backlog


def test_of_very_many_vectors_at_once_a_turn_learns_a_part(bench: StageBench) -> None:
    """While it learns, the lines of all other files wait."""
    for seed in range(8):
        bench.put(noise(500, seed), inode=seed)
    bench.turn()
    bench.answer(at_once=500)
    assert bench.turn() == 0.0
    assert {anomaly.file.inode for anomaly in bench.anomalies} == {0, 1}


def test_what_an_alert_needs_is_found_for_alerts_only(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Judge, "differs", lambda judge, pattern_id: asked.append(pattern_id) or ("a",))
    bench.put(noise(20, 1))
    bench.turn()
    bench.answer()
    bench.turn()
    assert len(bench.anomalies) == 20
    assert not asked
    assert bench.anomalies[7].details.background() == Background(("a",), tuple(noise(20, 1)[:7]))
    assert len(asked) == 1


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


def test_one_file_alone_cannot_fill_the_queue() -> None:
    queue = BlockQueue(max_bytes=400, max_blocks=40)
    loud, other = FileId(1, 1, 0), FileId(1, 2, 0)
    blocks = [Block(SPEC, "/x", loud, number, b"12345678\n", number + 9) for number in range(100)]
    put = 0
    while queue.room(loud.lane):
        queue.put(blocks[put])
        put += 1
    assert put == 20  # half
    assert not queue.room(FileId(1, 1, 1).lane)  # truncated since: the same file
    assert queue.room(other.lane)
    queue.done(blocks[0])
    assert queue.room(loud.lane)
    queue.put(Block(SPEC, "/x", loud, 100, b"x" * 1000, 1100))
    assert not queue.room(other.lane)
    assert not queue.room()
