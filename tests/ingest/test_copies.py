"""What a file is to another one, by what that holds and by what it held before it was truncated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.ingest.copies import Kinship, kinship
from logwatchd.ingest.followed import Followed, Place
from logwatchd.ingest.identity import key_of
from logwatchd.ingest.reader import Reader
from logwatchd.records import SourceSpec


@pytest.fixture
def original(logs: Path) -> Iterator[Followed]:
    """A file of which `one` and then `two` were read, and a third line was begun, when it became `new`."""
    log = logs / "app.log"
    log.touch()
    reader = Reader(key_of(log.stat()), str(log))
    assert reader.open()
    for content in (b"one\n", b"one\ntwo\n", b"one\ntwo\nthr"):
        log.write_bytes(content)
        reader.read(len(content))
    log.write_bytes(b"new\n")
    file = Followed(reader, SourceSpec(paths=(str(log),)), str(log), 0, Place.LIVE, 0.0)
    file.lapse = reader.restart()
    assert reader.is_same()
    yield file
    reader.close()


def _kinship(original: Followed, content: bytes) -> Kinship:
    other = Path(original.reader.path).with_name("app.log.1")
    other.write_bytes(content)
    with other.open("rb") as opened:
        return kinship(opened.fileno(), original)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"one\ntwo\nthree\n", Kinship.REMAINDER),
        (b"one\ntwo\nthr", Kinship.REMAINDER),
        (b"one\ntwo\nth", Kinship.READ),
        (b"one\ntwo\n", Kinship.READ),
        (b"one\n", Kinship.READ),
        (b"one\ntwo\nTHREE\n", Kinship.NONE),
        (b"one\ntwo\nTH", Kinship.NONE),
        (b"one\nTWO\n", Kinship.NONE),
        (b"on", Kinship.NONE),
        (b"", Kinship.COPY),
        (b"ne", Kinship.COPY),
        (b"new\n", Kinship.COPY),
        (b"new\nand more\n", Kinship.NONE),
        (b"old", Kinship.NONE),
    ],
)
def test_a_file_is_known_by_what_the_other_was_and_by_what_it_is(
    original: Followed, content: bytes, expected: Kinship
) -> None:
    assert _kinship(original, content) is expected


def test_what_was_not_truncated_is_only_copied(original: Followed) -> None:
    original.lapse = None
    assert _kinship(original, b"one\ntwo\n") is Kinship.NONE
    assert _kinship(original, b"new\n") is Kinship.COPY


def test_nothing_is_a_copy_of_what_is_not_open(original: Followed) -> None:
    original.reader.close()
    assert _kinship(original, b"new\n") is Kinship.NONE


def test_what_is_no_copy_of_a_file_that_changes_at_this_moment_is_not_settled(original: Followed) -> None:
    original.size = 100
    assert _kinship(original, b"other\n") is Kinship.UNSETTLED
    original.size = 0
    Path(original.reader.path).write_bytes(b"newer\n")
    assert _kinship(original, b"other\n") is Kinship.UNSETTLED
