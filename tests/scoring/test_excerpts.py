"""What is cut out of a block for later: every line that waits, its context, its place, and nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.records import Block, FileId, Level, SourceSpec
from logwatchd.scoring.excerpts import Excerpt, excerpts, from_bytes, to_bytes

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPEC = SourceSpec(("/var/log/*.log",), "shop", skip_levels=frozenset({Level.DEBUG, Level.INFO}), units=("a", "b"))
BEFORE = [b"before %d" % i for i in range(4)]


def block_of(events: list[bytes], coding: str = "utf-8") -> Block:
    data = b"".join(event + b"\n" for event in events)
    flat = b"".join(event.replace(b"\n", b"\x0b") + b"\n" for event in events)
    inner = tuple(at for at, byte in enumerate(flat) if byte == 0x0B)
    return Block(SPEC, "/var/log/x.log", FileId(1, 2, 3), 1000, data, 1000 + len(data), inner, coding)


def events_of(excerpt: Excerpt) -> list[bytes]:
    return [event.replace(b"\x0b", b"\n") for event in excerpt.block.flat().split(b"\n")[:-1]]


@given(
    st.lists(st.sampled_from([b"a", b"bb", b"", b"trace\n  frame\n  end", "grün".encode()]), min_size=1, max_size=40),
    st.data(),
)
def test_every_waiting_event_is_there_once_with_its_context_and_its_place(
    events: list[bytes], data: st.DataObject
) -> None:
    waiting = sorted(data.draw(st.sets(st.integers(0, len(events) - 1), min_size=1)))
    block = block_of(events)
    parts = excerpts(block, waiting, BEFORE, NOW, context_lines=3)
    found = []
    for part in parts:
        own = events_of(part)
        starts = [0]
        for event in own:
            starts.append(starts[-1] + len(event) + 1)
        for index in part.waiting:
            context = [*part.before, *own[:index]][-3:]
            found.append((part.block.place(starts[index]), own[index], context))
    places = [1000]
    for event in events:
        places.append(places[-1] + len(event) + 1)
    assert found == [(places[i], events[i], [*BEFORE, *events[:i]][-3:]) for i in waiting]
    assert sum(len(part.block.data) for part in parts) <= len(block.data)


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line and b"\x0b" not in line), min_size=1))
def test_what_the_disk_gives_back_is_what_was_given(events: list[bytes]) -> None:
    (part,) = excerpts(block_of(events), [len(events) - 1], BEFORE, NOW, context_lines=100)
    assert from_bytes(to_bytes(part)) == part


def test_places_in_other_encodings_are_the_files_own() -> None:
    block = block_of(["grün".encode(), b"a", b"b"], coding="utf-16-le")
    (part,) = excerpts(block, [2], [], NOW, context_lines=1)
    assert part.block.place(2) == 1000 + 2 * len("grün\na\n")
    assert from_bytes(to_bytes(part)) == part


@pytest.mark.parametrize("stored", [b"", b"nonsense", to_bytes(excerpts(block_of([b"a"]), [0], [], NOW, 1)[0])[:-9]])
def test_anything_else_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError):
        from_bytes(stored)
