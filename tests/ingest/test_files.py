"""Following real files: where to begin, what there is, bytes, delivery; numbers in brackets are cases of EDGE_CASES.md.

What becomes of their names is in test_rotation.py, test_truncation.py and test_identity.py.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.records import Level, SourceSpec
from tests.ingest.tailer import append


# ------------------------------------------------------------------------------------------------ where to begin
def test_beginning_reads_what_is_there(tail, logs: Path) -> None:
    append(logs / "a.log", "one", "two")
    assert tail(logs / "*.log").turn() == [b"one", b"two"]


def test_end_skips_what_is_there_and_reads_what_comes(tail, logs: Path) -> None:
    append(logs / "a.log", "old")
    tailer = tail(logs / "*.log", start_at="end")
    assert tailer.turn() == []
    append(logs / "a.log", "new")
    append(logs / "b.log", "of a new file")
    assert sorted(tailer.turn()) == [b"new", b"of a new file"]


def test_end_delivers_the_line_that_was_being_written_whole(tail, logs: Path) -> None:
    (logs / "a.log").write_bytes(b"old\nbegun be")
    tailer = tail(logs / "a.log", start_at="end")
    assert tailer.turn() == []
    append(logs / "a.log", "fore us")
    assert tailer.turn() == [b"begun before us"]


def test_end_inside_an_over_long_line_skips_its_rest(tail, logs: Path) -> None:
    (logs / "a.log").write_bytes(b"x" * (MAX_LINE_BYTES + 100))
    tailer = tail(logs / "a.log", start_at="end")
    tailer.turn()
    append(logs / "a.log", "rest", "next")
    assert tailer.turn() == [b"next"]


def test_end_is_kept_when_killed_before_anything_was_committed(tail, logs: Path) -> None:
    append(logs / "a.log", "old")
    tailer = tail(logs / "*.log", start_at="end")
    tailer.turn()
    tailer.kill()
    append(logs / "a.log", "new")
    assert tailer.turn() == [b"new"]


def test_files_created_while_down_are_read_from_their_beginning(tail, logs: Path) -> None:
    append(logs / "a.log", "old")
    tailer = tail(logs / "*.log", start_at="end")
    tailer.turn()
    tailer.restart()
    append(logs / "b.log", "while down")
    assert tailer.turn() == [b"while down"]


def test_a_pattern_that_is_added_later_has_a_first_start_of_its_own(tail, logs: Path) -> None:
    append(logs / "a.log", "a1")
    append(logs / "b.txt", "b1")
    tailer = tail(logs / "*.log", start_at="end")
    tailer.turn()
    append(logs / "a.log", "a2")
    tailer.reconfigure(logs / "*.log", logs / "*.txt", start_at="end")
    assert tailer.turn() == [b"a2"]
    append(logs / "b.txt", "b2")
    assert tailer.turn() == [b"b2"]


def test_reconfigure_drops_what_nothing_names_and_takes_it_up_where_it_stood(tail, logs: Path) -> None:
    append(logs / "a.log", "a1")
    append(logs / "b.log", "b1")
    tailer = tail(logs / "a.log", logs / "b.log")
    tailer.turn()
    tailer.reconfigure(logs / "a.log")
    append(logs / "a.log", "a2")
    append(logs / "b.log", "b2")
    assert tailer.turn() == [b"a2"]
    tailer.reconfigure(logs / "a.log", logs / "b.log")
    assert tailer.turn() == [b"b2"]


def test_what_is_read_after_a_reload_is_read_as_it_says(tail, logs: Path) -> None:
    log = logs / "a.log"
    append(log, "one")
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    tailer.source.reconfigure([replace(tailer.specs[0], encoding="latin-1", multiline_continue=r"^\+")])
    append(log, b"\xe9", "+more", "two")
    assert [*tailer.turn(), *tailer.turn()] == ["é".encode(), b"+more", b"two"]
    assert [len(block.inner) for block in tailer.blocks[1:]] == [1, 0]


def test_the_first_source_that_names_a_file_says_how_it_is_treated(tail, logs: Path) -> None:
    append(logs / "a.log", "one")
    tailer = tail(logs / "*.log")
    tailer.specs = (
        SourceSpec(paths=(str(logs / "a.log"),), service="first", start_at="beginning"),
        SourceSpec(paths=(str(logs / "*"),), service="second", skip_levels=frozenset({Level.INFO})),
    )
    tailer.restart()
    tailer.turn()
    assert [block.source.service for block in tailer.blocks] == ["first"]


# ------------------------------------------------------------------------------------------------ names and places
def test_folder_removed_and_created_again(tail, logs: Path) -> None:  # [19], [20]
    folder = logs / "service"
    tailer = tail(folder / "*.log")
    assert tailer.turn() == []
    folder.mkdir()
    append(folder / "a.log", "one")
    assert tailer.turn() == [b"one"]
    shutil.rmtree(folder)
    assert tailer.turn() == []
    folder.mkdir()
    append(folder / "a.log", "two")
    assert tailer.turn() == [b"two"]


def test_deleted_but_still_written(tail, logs: Path) -> None:  # [24]
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(log)
    tailer.turn()
    with log.open("ab") as writer:
        log.unlink()
        writer.write(b"two\n")
        writer.flush()
        assert tailer.turn() == [b"two"]
        assert tailer.source.status().open_handles == 1
        append(log, "three")
        assert tailer.turn() == [b"three"]
        tailer.turn(seconds=1000)
        assert tailer.source.status().open_handles == 1  # only the new file's: the disk gets its space back


def test_what_is_no_regular_file_is_left_alone(tail, logs: Path) -> None:  # [25]
    os.mkfifo(logs / "a.log")
    (logs / "b.log").mkdir()
    (logs / "c.log").symlink_to("/dev/zero")
    (logs / "d.log").symlink_to("nowhere")
    append(logs / "e.log", "one")
    assert tail(logs / "*.log").turn() == [b"one"]


# ------------------------------------------------------------------------------------------------ bytes
def test_bytes_come_out_as_they_are(tail, logs: Path) -> None:  # [32]
    data = b"\xef\xbb\xbfbom\r\n\r\n\n\xff\xfe\x80 a\0b\n\x1b[31m\xed\xa0\x80\n"
    (logs / "a.log").write_bytes(data)
    tailer = tail(logs / "a.log")
    tailer.turn()
    assert b"".join(block.data for block in tailer.blocks) == data


def test_partial_line_comes_out_once_and_whole(tail, logs: Path) -> None:  # [29], [31]
    log = logs / "app.log"
    log.write_bytes(b"one\nhal")
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    with log.open("ab") as file:
        file.write(b"f a")
    tailer.restart()
    assert tailer.turn() == []
    append(log, " line")
    assert tailer.turn() == [b"half a line"]


def test_hole_of_a_truncated_file_is_skipped(tail, logs: Path) -> None:  # [9]
    log = logs / "app.log"
    with log.open("wb", buffering=0) as writer:  # without O_APPEND it goes on where it was
        writer.write(b"x" * 70_000 + b"\n")
        tailer = tail(log)
        tailer.turn()
        os.truncate(log, 0)
        tailer.turn()
        writer.write(b"after the hole\n")
        assert tailer.turn() == [b"after the hole"]
        writer.write(b"and on\n")
        assert tailer.turn() == [b"and on"]


def test_hole_in_the_middle_of_a_read(tail, logs: Path) -> None:
    log = logs / "app.log"
    log.write_bytes(b"one\n" + b"\0" * 5000 + b"two\nthr\0ee\n" + b"\0\0four\n")
    assert tail(log).turn() == [b"one", b"two", b"thr\0ee", b"four"]


def test_space_that_was_set_aside_is_waited_for(tail, logs: Path) -> None:
    log = logs / "app.log"
    log.write_bytes(b"one\n" + b"\0" * 5000)
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    with log.open("r+b") as file:
        file.seek(4)
        file.write(b"two\nthree\n")
    assert tailer.turn() == [b"two", b"three"]


def test_of_a_file_with_many_over_long_lines_it_is_said_once(
    tail, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logs / "app.log"
    log.write_bytes(3 * (b"x" * 2 * MAX_LINE_BYTES + b"\n"))
    assert len(tail(log).turn()) == 3
    assert capsys.readouterr().out.count("a line of over 1 MiB is cut") == 1


def test_over_long_line_is_cut_and_the_next_one_is_whole(tail, logs: Path) -> None:  # [34]
    log = logs / "app.log"
    log.write_bytes(b"one\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\ntwo\n")
    tailer = tail(log)
    assert tailer.turn() == [b"one", b"x" * MAX_LINE_BYTES, b"two"]


def test_restart_inside_an_over_long_line(tail, logs: Path) -> None:
    log = logs / "app.log"
    log.write_bytes(b"x" * (MAX_LINE_BYTES + 5000))
    tailer = tail(log)
    assert tailer.turn() == [b"x" * MAX_LINE_BYTES]
    tailer.restart()
    append(log, "rest", "next")
    assert tailer.turn() == [b"next"]


def test_line_of_exactly_the_limit_is_whole(tail, logs: Path) -> None:
    log = logs / "app.log"
    line = b"x" * (MAX_LINE_BYTES - 1)
    append(log, line, "next")
    assert tail(log).turn() == [line, b"next"]


# ------------------------------------------------------------------------------------------------ delivery
def test_blocks_say_where_their_lines_are(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "one", "two")
    tailer = tail(log)
    tailer.turn()
    append(log, "three")
    tailer.turn()
    status = log.stat()
    assert [(block.offset, block.end, block.path) for block in tailer.blocks] == [(0, 8, str(log)), (8, 14, str(log))]
    assert {block.file[:2] for block in tailer.blocks} == {(status.st_dev, status.st_ino)}
    assert tailer.source.status().bytes == len(b"one\ntwo\nthree\n")


def test_reading_stops_when_nothing_is_committed(tail, logs: Path) -> None:  # [36]
    append(logs / "a.log", *[b"x" * 999] * 5000)
    tailer = tail(logs / "a.log", max_blocks=8)
    for _ in range(5):
        tailer.source.run_once(1e9)
    assert tailer.queue.in_flight == 4  # the other half is for other files
    assert not tailer.source.drained()


def test_every_file_gets_its_turn(tail, logs: Path) -> None:
    for name in "abc":
        append(logs / f"{name}.log", *[b"x" * 1000] * 10_000)
    tailer = tail(logs / "*.log", max_blocks=4)
    paths: list[str] = []
    for _ in range(6):
        tailer.source.run_once(1e9)
        for block in tailer.queue.take():
            paths.append(block.path)
            tailer.source.commit(block)
            tailer.queue.done(block)
    assert len(set(paths[:12])) == 3


def test_uncommitted_lines_come_again_after_a_kill_and_committed_ones_do_not(tail, logs: Path) -> None:  # [43]
    log = logs / "app.log"
    append(log, "committed")
    tailer = tail(log)
    tailer.turn()
    append(log, "not committed")
    assert tailer.turn(commit=False) == [b"not committed"]
    tailer.kill()
    assert tailer.turn() == [b"not committed"]
    tailer.kill()
    assert tailer.turn() == []


def test_position_beyond_the_end_begins_anew(tail, logs: Path) -> None:  # [48]
    log = logs / "app.log"
    append(log, "one", "two", "three")
    tailer = tail(log)
    tailer.turn()
    tailer.stop()
    log.write_bytes(b"new\n")
    tailer.start()
    assert tailer.turn() == [b"new"]


def test_status_counts(tail, logs: Path) -> None:
    append(logs / "a.log", "one")
    append(logs / "b.log", "two")
    tailer = tail(logs / "*.log")
    assert not tailer.source.ready()
    tailer.turn()
    status = tailer.source.status()
    assert (status.files, status.open_handles, status.bytes) == (2, 2, 8)
    assert tailer.source.ready()
    assert tailer.source.drained()
