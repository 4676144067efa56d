"""The events before an alert's line: the same ones wherever blocks happen to end, and no more than fit."""

from __future__ import annotations

from logwatchd.records import Block, FileId
from logwatchd.scoring.context import CONTEXT_LINES, Context
from tests.scoring.making import FAULT, NORMAL, SPEC, StageBench, block_of

TRACE = "INFO retrying\nTraceback (most recent call last):\n  File x, line 1\nKeyError: 'a'"


def traces(count: int, last: tuple[str, ...] = ()) -> tuple[bytes, tuple[int, ...]]:
    """A block of so many traces, and where newlines stand inside of its events."""
    trace = block_of([TRACE])
    inner = tuple(at for at, byte in enumerate(trace[:-1]) if byte == ord("\n"))
    places = tuple(number * len(trace) + at for number in range(count) for at in inner)
    return trace * count + (block_of(last) if last else b""), places


def context_of(blocks: list[tuple[bytes, tuple[int, ...]]]) -> tuple[str, ...]:
    """What the alert on the last line is told with."""
    bench = StageBench()
    offset = 0
    for data, inner in blocks:
        bench.queue.put(Block(SPEC, "/x.log", FileId(1, 1, 0), offset, data, offset + len(data), inner))
        offset += len(data)
    for _ in range(3):
        bench.turn()
        bench.answer()
    (anomaly,) = [anomaly for anomaly in bench.anomalies if anomaly.line == FAULT]
    return anomaly.details.background().context


def test_it_is_the_same_in_the_block_before_as_in_the_same_one() -> None:
    whole = context_of([traces(30, (FAULT,))])
    assert len(whole) == 30
    assert context_of([traces(30), (block_of([FAULT]), ())]) == whole
    assert context_of([traces(10), traces(20), (block_of([FAULT]), ())]) == whole


def test_the_longest_quiet_files_are_forgotten_when_it_is_full() -> None:
    context = Context(max_bytes=CONTEXT_LINES * 150 * 3)
    data = block_of([NORMAL[0].ljust(100)] * 80)
    for inode in (1, 2, 3, 1, 4):
        context.remember(Block(SPEC, "/x.log", FileId(1, inode, 0), 0, data, len(data)))
    kept = [len(context.before((1, inode))) for inode in (1, 2, 3, 4)]
    assert kept == [CONTEXT_LINES, 0, CONTEXT_LINES, CONTEXT_LINES]


def test_one_files_last_lines_are_kept_whatever_they_take() -> None:
    context = Context(max_bytes=10)
    data = block_of(["x" * 100_000, NORMAL[0]])
    context.remember(Block(SPEC, "/x.log", FileId(1, 1, 0), 0, data, len(data)))
    long, short = context.before((1, 1))
    assert len(long) < 20_000
    assert short == NORMAL[0].encode()
