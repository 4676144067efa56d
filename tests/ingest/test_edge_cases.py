"""`logwatchd tail` as a process in the situations that tailers get wrong, where the torture suite does not try them.

Long on purpose: the table of all cases and the tests that fill its gaps belong side by side.

The cases are those of EDGE_CASES.md beside that suite. Where each of the 50 is tested (scenario: of scripts/torture; a
name without a file: here; (model): also in test_model.py, which rotates and truncates at random):

 1 rename and create      rename_create; test_rotation_programs.py; (model)
 2 rotated names in glob  test_02_*; test_rotation.py
 3 burst of rotations     rotate_fast3, rotate_fast3_single, burst_rotate; test_rotation.py; test_rotation_programs.py
 4 copytruncate           copytruncate; test_rotation_programs.py
 5 regrown                copytruncate_regrow; (model)
 6 same size              copytruncate_samesize; test_truncation.py
 7 copy in glob           copytruncate_in_glob; test_07_*; test_truncation.py; test_rotation_programs.py
 8 lost by copytruncate   test_rotation_programs.py::test_what_copytruncate_loses_is_counted; test_truncation.py
 9 NUL hole               nul_hole; test_files.py
10 gzip                   test_10_*; test_rotation.py; test_rotation_programs.py
11 compressed when behind test_11_*; test_rotation.py; test_rotation_programs.py
12 dateext, olddir, ...   test_12_*; test_rotation.py; test_rotation_programs.py
13 inode reuse            test_13_*; test_identity.py
14 identical headers      test_14_*; test_identity.py
15 short files            tiny_files
16 empty file             test_identity.py::test_empty_file_known_only_by_its_inode
17 hard links             test_17_*; test_identity.py
18 link and target        test_identity.py::test_symlink_and_its_target_are_one_file
19 missing at start       late_create, late_dir; test_files.py
20 directory re-created   test_20_*; test_files.py; test_wakeup.py
21 `current` link         symlink_current
22 kubernetes             test_22_*; test_identity.py
23 glob gains files       glob_new
24 deleted but open       deleted_open; test_files.py
25 FIFO in glob           fifo_in_glob; test_files.py
26 unmount, remount       test_26_*
27 EACCES                 eacces; test_refused_calls.py
28 ESTALE                 test_28_*
29 partial line           partial_line; test_files.py
30 no newline             test_30_*; test_rotation.py
31 restart with partial   test_files.py::test_partial_line_comes_out_once_and_whole
32 odd bytes              encoding; test_files.py
33 UTF-16                 test_encoding.py
34 huge line              huge_line; test_files.py
35 multi-line             test_multiline.py
36 fast growth            burst; test_files.py::test_reading_stops_when_nothing_is_committed
37 1,000 files            many_files
38 inotify overflow       test_38_*
39 inotify limits         test_wakeup.py
40 silent filesystems     silent_fs
41 watchdog               test_wakeup.py
42 clock jumps            clock_jump; test_truncation.py::test_same_size_and_same_stamp_after_a_truncation
43 kill -9                kill9, kill9_rotation; test_files.py; test_checkpoints.py
44 graceful restart       restart
45 rotated while down     down_rotations, down_rotation_single; test_rotation.py
46 state disk full        test_46_*; test_checkpoints.py
47 corrupt checkpoint     test_checkpoints.py
48 beyond the end         test_files.py::test_position_beyond_the_end_begins_anew
49 expiry                 test_checkpoints.py::test_positions_expire_only_when_gone_and_aged
50 two daemons            test_lock.py
"""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.ingest.follower import Follower
from tests.ingest.tailer import Tailer, append

Follow = Callable[..., Follower]


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Starts a tailer on the given patterns; it is ended with the test."""
    with ExitStack() as running:
        yield lambda *patterns, **how: running.enter_context(Follower(tmp_path / "tail", *patterns, **how))


@pytest.fixture
def other_device() -> Iterator[Path]:
    """A folder on another filesystem than the test's."""
    shm = Path("/dev/shm")
    if not os.access(shm, os.W_OK) or shm.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev:
        pytest.skip("needs a second filesystem to write to, at /dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shm))
    yield folder
    shutil.rmtree(folder)


def numbered(name: str, count: int, first: int = 0) -> list[bytes]:
    return [b"%s %06d" % (name.encode(), number) for number in range(first, first + count)]


def compress(path: Path) -> None:
    """As gzip does: a new file beside it, then the old one goes."""
    with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    path.unlink()


def rotate(log: Path) -> None:
    """app.log.1 to app.log.2 and so on, app.log to app.log.1, and a new app.log."""
    older = sorted(log.parent.glob(f"{log.name}.[0-9]"), reverse=True)
    for path in older:
        path.rename(path.with_suffix(f".{int(path.suffix[1:]) + 1}"))
    log.rename(f"{log}.1")
    log.touch()


def test_02_rotated_names_that_match_the_glob_are_not_read_again(logs: Path, follow: Follow) -> None:
    log, expected = logs / "app.log", numbered("line", 60)
    tailer = follow(logs / "app.log*")
    for turn in range(5):
        append(log, *expected[turn * 10 : turn * 10 + 10])
        tailer.wait_for(turn * 10 + 10)
        rotate(log)
    tailer.stop()
    rotate(log)
    tailer.start()
    append(log, *expected[50:])
    assert tailer.wait_for(60) == expected
    tailer.stop()
    assert tailer.lines == expected


def test_10_compressed_files_are_no_lines(logs: Path, follow: Follow) -> None:
    log, expected = logs / "app.log", numbered("line", 40)
    append(log, *expected[:10])
    tailer = follow(logs / "app.log*")
    tailer.wait_for(10)
    rotate(log)
    compress(logs / "app.log.1")
    append(log, *expected[10:20])
    tailer.wait_for(20)
    with tailer.frozen():
        append(log, *expected[20:30])
        rotate(log)
        compress(logs / "app.log.1")
        append(log, *expected[30:])
    assert tailer.wait_for(40) == expected
    tailer.stop()
    tailer.start()
    append(log, "end")
    assert tailer.wait_for(41) == [*expected, b"end"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_10_what_was_compressed_while_down_is_finished_from_there(logs: Path, follow: Follow, pattern: str) -> None:
    log, expected = logs / "app.log", numbered("line", 5000)
    append(log, *expected[:2000])
    tailer = follow(logs / pattern)
    tailer.wait_for(2000)
    tailer.stop()
    append(log, *expected[2000:4000])
    rotate(log)
    compress(logs / "app.log.1")
    append(log, *expected[4000:])
    tailer.start()
    assert tailer.wait_for(5000) == expected
    tailer.stop()
    tailer.start()
    append(log, "end")
    assert tailer.wait_for(5001) == [*expected, b"end"]


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_11_compressed_while_it_is_being_read(logs: Path, follow: Follow, pattern: str) -> None:
    log = logs / "app.log"
    expected = numbered("of a line that is a good deal longer than those of the other tests", 600_000)
    log.write_bytes(b"\n".join(expected) + b"\n")
    tailer = follow(logs / pattern)
    tailer.wait(lambda: tailer.output.stat().st_size, "the first lines")
    rotate(log)
    with tailer.frozen():
        unread = (logs / "app.log.1").stat().st_size - tailer.output.stat().st_size
        compress(logs / "app.log.1")
    append(log, "new")
    assert unread > 0
    tailer.wait_bytes(b"\n".join([*expected, b"new"]) + b"\n", 60)


def test_12_dateext(logs: Path, follow: Follow) -> None:
    log, expected = logs / "app.log", numbered("line", 40)
    append(log, *expected[:10])
    tailer = follow(log)
    tailer.wait_for(10)
    with tailer.frozen():
        for day in (1, 2, 3):
            append(log, *expected[day * 10 : day * 10 + 5])
            log.rename(logs / f"app.log-2026010{day}")
            append(log, *expected[day * 10 + 5 : day * 10 + 10])
    assert tailer.wait_for(40) == expected


def test_12_olddir_on_another_device(logs: Path, other_device: Path, follow: Follow) -> None:
    """renamecopy: the log gets a temporary name, is copied to where it belongs, and is removed."""
    log, expected = logs / "app.log", numbered("line", 45)
    append(log, *expected[:10])
    tailer = follow(logs / "app.log*", other_device / "app.log*")
    tailer.wait_for(10)
    with log.open("ab", buffering=0) as writer, tailer.frozen():
        append(log, *expected[10:20])
        log.rename(logs / "app.log.tmp")
        writer.write(b"\n".join(expected[20:25]) + b"\n")
        append(log, *expected[25:35])
        shutil.copy(logs / "app.log.tmp", other_device / "app.log.1")
        (logs / "app.log.tmp").unlink()
    append(log, *expected[35:])
    assert tailer.wait_for(45) == expected
    tailer.stop()
    tailer.start()
    append(log, "end")
    assert tailer.wait_for(46) == [*expected, b"end"]


@pytest.mark.parametrize("how", ["unlinked", "rewritten"])
def test_13_inode_used_again_while_down(logs: Path, follow: Follow, how: str) -> None:
    log, old, new = logs / "app.log", numbered("old", 10), numbered("new", 30)
    append(log, *old)
    inode = log.stat().st_ino
    tailer = follow(log)
    tailer.wait_for(10)
    tailer.stop()
    if how == "unlinked":
        log.unlink()
    log.write_bytes(b"\n".join(new) + b"\n")
    if log.stat().st_ino != inode:
        pytest.skip("this filesystem does not use an inode's number again at once")
    tailer.start()
    assert tailer.wait_for(40) == old + new


def test_14_identical_headers(logs: Path, follow: Follow) -> None:
    header = [b"# %d " % number + b"-" * 60 for number in range(40)]
    for name in ("a", "b"):
        append(logs / f"{name}.log", *header, f"only {name}")
    tailer = follow(logs / "*.log")
    expected = sorted([*header, *header, b"only a", b"only b"])
    assert sorted(tailer.wait_for(len(expected))) == expected
    tailer.stop()
    (logs / "a.log").rename(logs / "c.log")
    append(logs / "a.log", *header, "only the new a")
    append(logs / "c.log", "late for c")
    tailer.start()
    expected = sorted([*expected, *header, b"only the new a", b"late for c"])
    assert sorted(tailer.wait_for(len(expected))) == expected


def test_17_hard_links_are_one_file(logs: Path, follow: Follow) -> None:
    first, second = logs / "a.log", logs / "b.log"
    append(first, "one")
    os.link(first, second)
    tailer = follow(logs / "*.log")
    assert tailer.wait_for(1) == [b"one"]
    append(second, "two")
    assert tailer.wait_for(2) == [b"one", b"two"]
    first.unlink()
    append(second, "three")
    assert tailer.wait_for(3) == [b"one", b"two", b"three"]
    tailer.stop()
    os.link(second, logs / "c.log")
    tailer.start()
    append(logs / "c.log", "four")
    assert tailer.wait_for(4) == [b"one", b"two", b"three", b"four"]


@pytest.mark.parametrize("pattern", ["sub/app.log", "sub/*.log", "*/app.log"])
def test_20_directory_removed_and_created_again(logs: Path, follow: Follow, pattern: str) -> None:
    folder, expected = logs / "sub", numbered("line", 40)
    tailer = follow(logs / pattern)
    for turn in range(4):
        folder.mkdir()
        append(folder / "app.log", *expected[turn * 10 : turn * 10 + 5])
        tailer.wait_for(turn * 10 + 5)
        append(folder / "app.log", *expected[turn * 10 + 5 : turn * 10 + 10])
        tailer.wait_for(turn * 10 + 10)
        shutil.rmtree(folder)
    assert tailer.lines == expected


def test_22_kubernetes_chain_of_links(logs: Path, follow: Follow) -> None:
    containers, pod, docker = logs / "containers", logs / "pods" / "uid" / "app", logs / "docker"
    for folder in (containers, pod, docker):
        folder.mkdir(parents=True)
    real, expected = docker / "abc-json.log", numbered("line", 60)
    append(real, *expected[:10])
    (pod / "0.log").symlink_to(real)
    (containers / "app_default_0.log").symlink_to("../pods/uid/app/0.log")
    tailer = follow(containers / "*.log")
    tailer.wait_for(10)
    # The runtime rotates what the links lead to.
    with real.open("ab", buffering=0) as late:
        append(real, *expected[10:20])
        real.rename(docker / "abc-json.log.1")
        late.write(b"\n".join(expected[20:25]) + b"\n")
        append(real, *expected[25:30])
    tailer.wait_for(30)
    # A restarted container has a file of its own, and the link is put in its place.
    append(docker / "def-json.log", *expected[30:40])
    (pod / "1.log").symlink_to(docker / "def-json.log")
    (containers / "new").symlink_to("../pods/uid/app/1.log")
    (containers / "new").rename(containers / "app_default_0.log")
    assert tailer.wait_for(40) == expected[:40]
    with tailer.frozen():
        (docker / "def-json.log").rename(docker / "def-json.log.1")
        append(docker / "def-json.log", *expected[40:50])
    tailer.wait_for(50)
    append(docker / "def-json.log", *expected[50:])
    assert tailer.wait_for(60) == expected


@pytest.mark.parametrize("pattern", ["app.log", "*.log"])
def test_26_unmounted_and_mounted_again(
    logs: Path, follow: Follow, mount: Callable[[Path, str], None], pattern: str
) -> None:
    log, expected = logs / "app.log", numbered("line", 50)
    mount(logs, "1m")
    append(log, *expected[:10])
    tailer = follow(logs / pattern)
    tailer.wait_for(10)
    # Whoever has the old file open can still write to it.
    with log.open("ab", buffering=0) as late:
        subprocess.run(["umount", "-l", logs], check=True)
        late.write(b"\n".join(expected[10:15]) + b"\n")
        tailer.wait_for(15)
    mount(logs, "1m")
    append(log, *expected[15:30])
    tailer.wait_for(30)
    with tailer.frozen():
        subprocess.run(["umount", "-l", logs], check=True)
        mount(logs, "1m")
        append(log, *expected[30:40])
    tailer.wait_for(40)
    append(log, *expected[40:])
    assert tailer.wait_for(50) == expected


def test_28_stale_handle_is_opened_again(tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS, where the server says so once its export was made anew; here the kernel's word is supplied."""
    log, expected = logs / "app.log", numbered("line", 20)
    append(log, *expected[:10])
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == expected[:10]
    append(log, *expected[10:])
    read, stale = os.pread, list(range(3))

    def reading(handle: int, count: int, offset: int) -> bytes:
        if stale and os.path.samestat(os.fstat(handle), log.stat()):
            stale.pop()
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return read(handle, count, offset)

    monkeypatch.setattr(os, "pread", reading)
    delivered = [line for _ in range(10) for line in tailer.turn()]
    tailer.stop()
    assert not stale
    assert delivered == expected[10:]


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["rotated", "deleted"])
def test_30_last_line_without_its_newline(logs: Path, follow: Follow, fate: str) -> None:
    log = logs / "app.log"
    log.write_bytes(b"whole\nno end")
    tailer = follow(logs / "app.log*")
    assert tailer.wait_for(1) == [b"whole"]
    if fate == "rotated":
        log.rename(logs / "app.log.1")
    else:
        log.unlink()
    append(log, "of the next file")
    assert sorted(tailer.wait_for(3)) == [b"no end", b"of the next file", b"whole"]
    append(log, "after")
    tailer.wait_for(4)
    tailer.stop()
    tailer.start()
    append(log, "end")
    assert sorted(tailer.wait_for(5)) == [b"after", b"end", b"no end", b"of the next file", b"whole"]


def test_30_line_that_never_ends_is_waited_for(logs: Path, follow: Follow) -> None:
    log, other = logs / "app.log", logs / "other.log"
    log.write_bytes(b"whole\nno end")
    tailer = follow(logs / "*.log")
    tailer.wait_for(1)
    tailer.stop()  # nor is it delivered now: the rest of it may be written while we are down
    append(log, " but here it is")
    tailer.start()
    assert tailer.wait_for(2) == [b"whole", b"no end but here it is"]
    with log.open("ab") as file:
        file.write(b"again no end")
    append(other, "something else")
    assert tailer.wait_for(3)[2:] == [b"something else"]
    assert tailer.lines.count(b"again no end") == 0


@pytest.mark.slow
def test_38_more_events_than_the_kernel_keeps(logs: Path, follow: Follow) -> None:
    queued = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    log, expected = logs / "app.log", numbered("line", 40)
    append(log, *expected[:10])
    tailer = follow(logs / "*.log")
    tailer.wait_for(10)
    with tailer.frozen():
        for _ in range(queued // 2 + 1000):  # each is created and deleted
            (logs / "noise").touch()
            (logs / "noise").unlink()
        append(log, *expected[10:20])
        rotate(log)
        append(log, *expected[20:30])
        append(logs / "new.log", "of a new file")
    assert sorted(tailer.wait_for(31)) == [*expected[:30], b"of a new file"]
    append(log, *expected[30:])
    assert sorted(tailer.wait_for(41)) == [*expected, b"of a new file"]


@pytest.mark.slow
def test_46_full_disk_under_the_state(
    tmp_path: Path, logs: Path, follow: Follow, mount: Callable[[Path, str], None]
) -> None:
    log, expected, disk = logs / "app.log", numbered("line", 50), tmp_path / "disk"
    disk.mkdir()
    mount(disk, "64k")
    append(log, *expected[:10])
    tailer = follow(log, state=disk / "state")
    tailer.wait_for(10)
    tailer.stop()
    tailer.start()
    fill = disk / "fill"
    with suppress(OSError), fill.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    assert os.statvfs(disk).f_bavail == 0
    rotate(log)
    for first in (10, 20, 30):  # each is a position that may not find a place
        append(log, *expected[first : first + 10])
        assert tailer.wait_for(first + 10) == expected[: first + 10]
    # Positions from before that are as they were: a restart repeats at most what they do not know of.
    tailer.kill()
    tailer.start()
    tailer.wait(lambda: expected[39] in tailer.lines, "the lines once more")
    append(log, *expected[40:])
    tailer.wait(lambda: expected[49] in tailer.lines, "lines while the disk is full")
    assert set(tailer.lines) == set(expected)
    assert not any(tailer.lines.count(line) > 1 for line in expected[:10])
    # Once there is room again, nothing is repeated any more.
    fill.unlink()
    append(log, "room")
    tailer.wait(lambda: b"room" in tailer.lines, "the line after")
    tailer.stop()
    known = len(tailer.lines)
    tailer.start()
    append(log, "end")
    assert tailer.wait_for(known + 1)[known:] == [b"end"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_07_copy_that_is_older_than_what_was_read(tmp_path: Path, logs: Path, pattern: str) -> None:
    """Lines that come after the copying and are read before the truncation: the copy has fewer than were read."""
    log, expected = logs / "app.log", numbered("line", 60)

    def copy() -> None:
        shutil.copy(log, logs / "app.log.1")
        append(log, *expected[40:50])

    def truncate() -> None:
        os.truncate(log, 0)
        append(log, *expected[50:])

    tailer = Tailer(tmp_path / "state", logs / pattern)
    append(log, *expected[:20])
    tailer.turn()
    append(log, *expected[20:40])
    steps = iter([copy, truncate])
    tailer.queue.on_block = lambda: next(steps, lambda: None)()
    for _ in range(3):
        tailer.turn()
    tailer.stop()
    assert next(steps, None) is None
    assert tailer.lines == expected
