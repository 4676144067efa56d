"""Which configured sources a baseline was not learned from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logwatchd.ingest.unlearned import files_of, unlearned
from logwatchd.records import SourceSpec


@pytest.mark.parametrize(
    ("pattern", "learned", "known"),
    [
        ("/var/log/app.log", ["/var/log/app.log"], True),
        ("/var/log/app.log", ["/var/log/app.log.1"], True),
        ("/var/log/app.log", ["/var/log/app.log.2.gz"], True),
        ("/var/log/app.log", ["/var/log/app.log-20261122.xz"], True),
        ("/var/log/app.log", ["/var/log/other.log", "journal"], False),
        ("/var/log/*.log", ["/var/log/other.log"], True),
        ("/var/log/**/*.log", ["/var/log/other.log"], True),
        ("/var/log/**/*.log", ["/var/log/a/b/other.log"], True),
        ("/var/log/*.log", ["/srv/log/other.log"], False),
        ("/var/log/App.log", ["/var/log/app.log"], False),
        ("-", [], True),
    ],
)
def test_a_source_is_learned_when_any_of_its_files_or_their_rotated_copies_was(
    pattern: str, learned: list[str], known: bool
) -> None:
    assert unlearned([SourceSpec((pattern,))], learned) == ([] if known else [pattern])


def test_the_journal_and_each_path_once() -> None:
    sources = [
        SourceSpec(("/a", "/b")),
        SourceSpec((), journal=True, units=("x",)),
        SourceSpec(("/b",), journal=True),
    ]
    assert unlearned(sources, ["/a"]) == ["/b", "the journal"]
    assert unlearned(sources, ["/b", "journal"]) == ["/a"]
    assert unlearned([], ["/b"]) == []


def test_a_pipe_holds_nothing_to_learn_from(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert unlearned([SourceSpec((str(tmp_path / "pipe"),))], []) == []


def test_a_path_that_cannot_be_looked_at_ends_nothing() -> None:
    unlookable = f"/var/log/{'a' * 300}"  # root may enter every folder; a name that is too long is refused to all
    assert unlearned([SourceSpec((unlookable,))], []) == [unlookable]


def test_a_glob_is_told_with_files_that_it_stands_for(tmp_path: Path) -> None:
    for name in ("b.log", "a.log", "a.log.1", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.log").mkdir()
    assert files_of(f"{tmp_path}/*.log") == [f"{tmp_path}/a.log", f"{tmp_path}/b.log"]
    assert files_of(f"{tmp_path}/a.log") == files_of("/nowhere/*.log") == files_of("the journal") == []
    for number in range(20):
        (tmp_path / f"many{number:02d}.log").touch()
    assert len(files_of(f"{tmp_path}/*.log")) == 5
