"""Where events stand in a run of lines, and what was seen of each text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logwatchd.records import Level, Mask
from logwatchd.scoring.places import Places
from logwatchd.scoring.sightings import Sightings

EVENTS = st.lists(st.lists(st.text("ab \u00e9", max_size=5), min_size=1, max_size=4), min_size=1, max_size=20)


@given(EVENTS)
def test_every_event_is_found_by_byte_line_and_text(events: list[list[str]]) -> None:
    data, inner, expected, lines = b"", [], [], 0
    for event in events:
        expected.append((len(data), lines, "\n".join(event).rstrip("\n")))
        for number, line in enumerate(event):
            data += line.encode() + b"\n"
            if number < len(event) - 1:
                inner.append(len(data) - 1)
        lines += len(event)
    places = Places(data, tuple(inner))
    assert [(places.byte(i), places.line(i), places.text(i, 1000)) for i in range(len(events))] == expected
    assert places.flat.count(b"\n") == len(events)


def test_a_long_event_is_cut() -> None:
    assert Places(b"x" * 100 + b"\n", ()).text(0, 10) == "x" * 10


def test_each_text_is_counted_and_has_the_place_where_it_was_first() -> None:
    seen = Sightings()
    skip = frozenset({Level.DEBUG})
    trace = b"ERROR it broke\nTraceback (most recent call last):\nOSError: no\n"
    inner = (14, 49)
    seen.add(b"INFO user 1 came\nDEBUG x\n" + trace, tuple(25 + at for at in inner), skip, "a.log", 1)
    seen.add(b"INFO user 22 came\n\nINFO other\n", (), skip, "b.log", 7)
    found = {(pattern, log): (one.lines, one.path, one.line) for ((pattern, _), _, log), one in seen.texts.items()}
    assert found == {
        ("INFO user <N> came", "a.log"): (1, "a.log", 1),
        ("INFO user <N> came", "b.log"): (1, "b.log", 7),
        ("ERROR it broke Traceback (most recent call last): OSError: no", "a.log"): (1, "a.log", 3),
        ("INFO other", "b.log"): (1, "b.log", 9),
    }
    assert (
        next(one.example for ((_, level), _, _), one in seen.texts.items() if level is Level.ERROR)
        == trace.decode()[:-1]
    )
    assert seen.lines == 6


def test_with_other_masks_an_event_has_two_texts() -> None:
    seen = Sightings((), (Mask("who", "for [a-z]+", "for <WHO>"),))
    seen.add(b"INFO for anna\nINFO for otto\nINFO done\n", (), frozenset(), "x", 1)
    assert {(old[0], new[0]): one.lines for (old, new, _), one in seen.texts.items()} == {
        ("INFO for anna", "INFO for <WHO>"): 1,
        ("INFO for otto", "INFO for <WHO>"): 1,
        ("INFO done", "INFO done"): 1,
    }
