"""Rotation as it is done on real machines: logrotate in all its modes, rsyslog and nginx writing, `logwatchd tail`.

Two tailers follow every writer, one its live name only, one the glob app.log*. Both must deliver every line exactly
once, in order and byte for byte, and so must the files that logrotate leaves hold them. Each test rotates while the
writer writes, while the tailers are frozen with lines unread, and twice between two of their looks.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ingest import logrotate
from tests.ingest.follower import Follower
from tests.ingest.logrotate import Logrotate, history
from tests.ingest.tailer import Tailer
from tests.ingest.writers import Nginx, Rsyslog, Writer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(logrotate.PROGRAM is None, reason="logrotate is not installed (apt install logrotate)"),
]
WRITERS = [
    pytest.param(
        kind,
        id=name,
        marks=pytest.mark.skipif(kind.is_missing(), reason=f"{name} is not installed (apt install {deb})"),
    )
    for kind, name, deb in ((Rsyslog, "rsyslog", "rsyslog"), (Nginx, "nginx", "nginx-light"))
]


@dataclass(frozen=True)
class Mode:
    """One way to rotate.

    traceless: a file that was written and rotated away between two looks has left the folder or is compressed by then,
    so that a tailer can only read it if it had opened it before. The tests see to that.
    """

    directives: str
    traceless: bool = False

    @property
    def name(self) -> str:
        return "+".join(line.split()[0] for line in self.directives.splitlines())

    @property
    def truncates(self) -> bool:
        return "copytruncate" in self.directives


STAMPED = "dateext\ndateformat -%Y%m%d-%s"
OLDDIR = "olddir old\ncreateolddir 0755"
MODES = [
    Mode("create 0640"),
    Mode("nocreate"),
    Mode("create 0640\ndelaycompress\ncompress"),
    Mode("create 0640\ncompress", traceless=True),
    Mode(f"create 0640\n{STAMPED}"),
    Mode(f"create 0640\n{STAMPED}\ncompress", traceless=True),
    Mode(f"create 0640\n{OLDDIR}", traceless=True),
    Mode(f"create 0640\n{OLDDIR}\ncompress", traceless=True),
    Mode("renamecopy"),
    Mode(f"renamecopy\n{OLDDIR}", traceless=True),
    Mode("copytruncate"),
    Mode("copytruncate\ndelaycompress\ncompress"),
    Mode("copytruncate\ncompress", traceless=True),
    Mode(f"copytruncate\n{STAMPED}"),
    Mode(f"copytruncate\n{OLDDIR}", traceless=True),
]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_every_line_once(tmp_path: Path, mode: Mode, kind: type[Writer]) -> None:
    with ExitStack() as running:
        writer = running.enter_context(kind(tmp_path))
        followers = [
            running.enter_context(Follower(tmp_path / "by_name", writer.log)),
            running.enter_context(Follower(tmp_path / "by_glob", f"{writer.log}*")),
        ]
        logs = Logrotate(writer, mode.directives)

        def caught_up() -> None:
            writer.settle()
            for follower in followers:
                follower.wait_for(len(writer.sent))

        writer.write(30)
        caught_up()
        # While lines are written. A writer that is truncated can lose what it writes meanwhile, so it rests for that.
        if mode.truncates:
            logs.rotate()
        else:
            with writer.busy():
                logs.rotate()
        writer.write(10)
        caught_up()
        # While nobody looks, with lines unread.
        with ExitStack() as frozen:
            for follower in followers:
                frozen.enter_context(follower.frozen())
            if not (mode.truncates and mode.traceless):  # truncated and no plain copy: those would be lost
                writer.write(40)
                writer.settle()
            logs.rotate()
            writer.write(20)
            writer.settle()
            if not mode.traceless:
                logs.rotate()
                writer.write(15)
                writer.settle()
        caught_up()
        logs.rotate()
        writer.write(5)
        writer.settle()
        written = b"".join(line + b"\n" for line in writer.sent)
        assert b"".join(history(writer.log, writer.log.parent / "old")) == written
        for follower in followers:
            follower.wait_bytes(written)
            follower.stop()
            follower.assert_delivered(written)
            assert "truncated away" not in follower.said


@pytest.mark.parametrize("kind", WRITERS)
def test_what_copytruncate_loses_is_counted(tmp_path: Path, kind: type[Writer]) -> None:
    """The copy is deleted before the tailer, which is behind, can read it: those bytes are nowhere any more."""
    with kind(tmp_path) as writer:
        tailer = Tailer(tmp_path / "state", writer.log, max_blocks=2)
        logs = Logrotate(writer, "copytruncate\nrotate 0")
        writer.write(500, pad=8000)
        writer.settle()
        tailer.turn(commit=False)
        read = list(tailer.blocks)
        logs.rotate()
        for block in read:
            tailer.source.commit(block)
            tailer.queue.done(block)
        writer.write(20)
        writer.settle()
        tailer.turn()
        status = tailer.source.status()
        tailer.stop()
    delivered = b"".join(block.data for block in tailer.blocks)
    written = b"".join(line + b"\n" for line in writer.sent)
    before, after = (b"".join(block.data for block in blocks) for blocks in (read, tailer.blocks[len(read) :]))
    assert written.startswith(before)
    assert written.endswith(after)
    assert status.truncations == 1
    assert status.truncated_unread_bytes == len(written) - len(delivered) > 0


@pytest.mark.parametrize("kind", WRITERS)
def test_copytruncate_under_a_writer_that_does_not_rest(tmp_path: Path, kind: type[Writer]) -> None:
    """What is written between copy and truncation may be lost; what a file still holds is not, and comes once."""
    with kind(tmp_path) as writer, Follower(tmp_path / "tail", writer.log) as follower:
        logs = Logrotate(writer, "copytruncate")
        writer.write(10)
        follower.wait_for(10)
        with writer.busy():
            for _ in range(5):
                logs.rotate()
                first = len(writer.sent)
                follower.wait(lambda first=first: follower.lines[-1] > b"%06d" % first, "a line of after the rotation")
        follower.wait(lambda: follower.lines[-1:] == writer.sent[-1:], "the last line")
        sent, delivered = set(writer.sent), Counter(follower.lines)
        kept = {line for content in history(writer.log) for line in content.split(b"\n")[:-1]}
        assert sorted((kept & sent) - set(delivered)) == [], follower.said
        assert [line for line in delivered if delivered[line] > 1] == []
        # A line that the copy has only the beginning of is delivered as far as it is there.
        fragments = [line for line in delivered if line not in sent]
        assert all(any(whole.startswith(fragment) for whole in sent) for fragment in fragments)
        in_order = [line for line in follower.lines if line in sent]
        assert in_order == sorted(in_order)
