"""Decides what an unknown file is: one of an earlier run, a copy, a rotated one that was missed, or simply new."""

# ruff: noqa: PTH120 - paths are plain strings here: a thousand of them are looked at every second

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from logwatchd import journal
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.compressed import CompressedReader
from logwatchd.ingest.copies import Kinship, UnsettledError, inherit, kinship, originals
from logwatchd.ingest.followed import Followed, Place, Register
from logwatchd.ingest.handles import Handles
from logwatchd.ingest.identity import HEAD_BYTES, FileKey, Position, Print, Role, holds, holds_at, opened
from logwatchd.ingest.ledger import Ledger
from logwatchd.ingest.multiline import joiner_of
from logwatchd.ingest.reader import Reader
from logwatchd.ingest.strangers import Stranger, comes_first
from logwatchd.ingest.unpacking import foreign_name, is_packed
from logwatchd.journal import Event
from logwatchd.parsing.names import base_of, is_compressed, is_compressed_name, name_of, order_of

ROTATING_S = 10.0  # after a live name went to another file
FORGET_S = 3600.0  # so often what is gone for good is looked for

_log = journal.logger("tail")


class Newcomers:
    """Owner: the tail thread.

    met: files that are not read, as far as the present survey has come across them. refused: why those that could not
    be judged so far cannot be read.
    """

    def __init__(self, register: Register, checkpoints: Checkpoints, ledger: Ledger, handles: Handles) -> None:
        self._register = register
        self._checkpoints = checkpoints
        self._ledger = ledger
        self._handles = handles
        self._sequence = 0
        self._last: dict[str, FileKey] = {}
        self._rotated_at: dict[str, float] = {}
        self._aside: dict[FileKey, Position] = {}
        self.refused: dict[FileKey, str] = {}
        self._unpacking: dict[FileKey, tuple[Stranger, Followed]] = {}  # and are judged after that
        self.met: set[FileKey] = set()
        self._forget_at = 0.0
        self._earlier: dict[int, list[Position]] = {}
        self._left: dict[str, list[Position]] = {}  # the same by the name without its folder
        self._folders: set[str] = set()  # that were listed before the present survey
        self._new: set[FileKey] = set()  # strangers to the present survey
        for position in checkpoints.positions():
            if position.role in (Role.SIBLING, Role.IGNORED):
                self._aside[position.key] = position
            elif position.role is Role.FOLLOWED:
                self._earlier.setdefault(position.file.inode, []).append(position)
                self._left.setdefault(name_of(base_of(position.path)), []).append(position)
                if position.live:
                    self._last[position.path] = position.key

    def is_aside(self, key: FileKey, path: str, live: bool, rewritten: bool = False) -> bool:
        """Whether this file was judged before as one that is not read. rewritten: it may hold something else by now."""
        position = self._aside.get(key)
        if position is None or (live and position.role is Role.SIBLING):
            return False
        self.met.add(key)
        if position.path == path and not rewritten:
            return True
        try:
            same = holds_at(path, position)
        except OSError:
            return True  # it cannot be told now, nor could it be read: the next look asks again
        if same and position.path != path:
            self._aside[key] = moved = replace(position, path=path)
            self._checkpoints.record(moved)
        return same  # else its inode is another file's by now

    def receive(
        self, strangers: Iterable[Stranger], at_live_name: Mapping[str, FileKey], folders: Collection[str], now: float
    ) -> bool:
        """Take in what a survey found, the oldest of a lineage first.

        at_live_name: which file every configured name led to just now, known or not. folders: that could be listed.

        Returns:
            Whether there was anything to take in.
        """
        found = {key: stranger for key, (stranger, _) in self._unpacking.items()}  # whether they are still there or not
        found.update((stranger.key, stranger) for stranger in strangers)
        ordered = sorted(found.values(), key=lambda stranger: (base_of(stranger.path), order_of(stranger.path)))
        places = {stranger.key: self._sequence + place for place, stranger in enumerate(ordered)}
        self._sequence += len(ordered)
        self.refused = {key: problem for key, problem in self.refused.items() if key in places}
        # Those of an earlier run first: the others are judged by what those are.
        unknown = [rest for stranger in ordered if (rest := self._recall(stranger, places[stranger.key], now))]
        self._new = {stranger.key for stranger in unknown}
        for stranger in sorted(unknown, key=comes_first):
            self._judge(stranger, places[stranger.key], at_live_name, now)
        for path, key in at_live_name.items():
            last = self._last.get(path)
            if last != key:
                self._last[path] = key
                if last is not None:
                    self._rotated_at[path] = now
        self._folders.update(folders)
        if now >= self._forget_at:
            self._forget_at = now + FORGET_S
            self._forget(at_live_name, now)
            self._folders.intersection_update(folders)
        return bool(ordered)

    def close(self) -> None:
        """Leave alone what is being unpacked."""
        for _, file in self._unpacking.values():
            file.reader.close()

    def _forget(self, at_live_name: Mapping[str, FileKey], now: float) -> None:
        """Let go of what the checkpoints know no more: names and folders come and go, for as long as we run."""
        known = self._checkpoints.get
        self._aside = {key: position for key, position in self._aside.items() if known(key)}
        self._last = {path: key for path, key in self._last.items() if path in at_live_name or known(key)}
        self._rotated_at = {path: at for path, at in self._rotated_at.items() if now - at < ROTATING_S}

    def put_aside(self, reader: Reader, role: Role, size: int) -> None:
        """Remember that a file is not to be read.

        Raises:
            OSError: it cannot be read, so it could not be known again.
        """
        with opened(reader.path) as handle:  # not the reader's own: that may hold what a compressed file contains
            head = Print.of(os.pread(handle, min(HEAD_BYTES, size), 0))
        position = Position(reader.id, reader.path, size, head, live=False, role=role)
        self._aside[position.key] = position
        self._checkpoints.record(position)

    def _recall(self, stranger: Stranger, sequence: int, now: float) -> Stranger | None:
        """Go on where an earlier run stopped, or this one before a reload; returns what is left to be judged, if it is
        no such file."""
        if stranger.generation:
            return stranger
        # What is on its way was read; a reload may have dropped the file meanwhile.
        position = self._ledger.last(stranger.key) or self._checkpoints.get(stranger.key)
        position = position or self._renumbered(stranger)
        if position is None:
            return stranger
        generation = position.file.generation + 1
        if position.role is not Role.FOLLOWED:
            self._aside.pop(stranger.key, None)
            return stranger.again(generation, None)
        make = CompressedReader if is_packed(stranger.path) else Reader
        file = self._make(stranger, make(stranger.key, stranger.path, position), sequence, now)
        try:
            if self._handles.ensure(file) and not file.reader.is_same():
                lapse = file.reader.restart()
                file.reader.close()
                return stranger.again(generation, lapse)
        except OSError as error:
            self._handles.trouble(file, error)
        self._register.add(file)
        self._checkpoints.relabel(file.key, stranger.path, stranger.live)
        self._ledger.label(file.key, stranger.path, stranger.live)
        return None

    def _judge(self, stranger: Stranger, sequence: int, at_live_name: Mapping[str, FileKey], now: float) -> None:
        base = base_of(stranger.path)
        file = self._unpacked(stranger) or self._unknown(stranger, base, sequence, at_live_name, now)
        # A log that may not be read is followed from now on; whose copy, or whose rest, it holds has to be seen first.
        follow_unread = stranger.live and not isinstance(file.reader, CompressedReader)
        if base != stranger.path and self._checkpoints.has_begun(stranger.target.pattern):
            follow_unread &= not (originals(self._register, base) or self._gone(base))
        if not self._handles.ensure(file) and (file.problem is None or not follow_unread):
            # Another file stands there by now, or it may not be read: the next survey comes back.
            if file.reader.is_unpacking:
                self._unpacking[stranger.key] = stranger, file
                self._precede(file, self._register.live.get(base))  # and what is judged meanwhile comes in between
            elif file.problem is not None:
                self.refused[stranger.key] = file.problem
            return
        try:
            taken = self._take(stranger, file, at_live_name)
            if file.reader.is_open:
                self._handles.recovered(file)
            if taken:
                self._register.add(file)
                return
        except UnsettledError as error:
            _log.debug(Event.FILE_UNREADABLE, path=stranger.path, reason=str(error))
        except OSError as error:  # still unknown, so the next survey comes back to it
            self._handles.trouble(file, error)
            if file.problem:
                self.refused[stranger.key] = file.problem
        file.reader.close()

    def _unpacked(self, stranger: Stranger) -> Followed | None:
        """The one that was begun to be unpacked, under the name that it has by now."""
        _, file = self._unpacking.pop(stranger.key, (None, None))
        if file is not None and file.reader.path != stranger.path:
            file.label(stranger.path, Place.RENAMED)
        return file

    def _unknown(
        self, stranger: Stranger, base: str, sequence: int, at_live_name: Mapping[str, FileKey], now: float
    ) -> Followed:
        # A compressed file is looked into only if something that has to be read may be in it.
        unpack = base != stranger.path and is_packed(stranger.path) and self._is_bereft(stranger, base, at_live_name)
        make = CompressedReader if unpack else Reader
        file = self._make(stranger, make(stranger.key, stranger.path, generation=stranger.generation), sequence, now)
        file.lapse = stranger.lapse
        file.lapsed = file.bereaved = stranger.lapse is not None
        file.problem = self.refused.get(stranger.key)  # what was said is not said again
        file.read_fails = file.problem is not None  # until it has been judged
        return file

    def _take(self, stranger: Stranger, file: Followed, at_live_name: Mapping[str, FileKey]) -> bool:
        """Whether to follow it, with its reader where it has to begin.

        Raises:
            OSError: it cannot be read.
        """
        reader, handle, path = file.reader, file.reader.handle, stranger.path
        base = base_of(path)
        if isinstance(reader, CompressedReader):
            if handle is not None and self._is_kin(file, handle, base, at_live_name):
                return True
            if reader.damage:
                raise reader.damage  # what would tell whose rest it is may be what is missing
            self.put_aside(reader, Role.IGNORED, file.size)
            return False
        if self._is_compressed(stranger, handle):
            self.put_aside(reader, Role.IGNORED, file.size)
            command = foreign_name(path)
            if command and self._is_first(base) and self._is_bereft(stranger, base, at_live_name):
                what = f"may hold lines that were not read: '{command} {path} | logwatchd scan ... -' judges them"
                _log.warning(Event.FILE_IGNORED, path=path, message=f"{path}: cannot be unpacked here, and {what}")
            else:
                _log.debug(Event.FILE_IGNORED, path=path, message=f"{path}: is compressed and not read")
            return False
        if handle is not None and base != path and self._is_kin(file, handle, base, at_live_name):
            return True
        begun = self._checkpoints.has_begun(stranger.target.pattern)
        if not stranger.live and not (begun and self._was_missed(stranger, base, at_live_name, file.changed_at)):
            self.put_aside(reader, Role.SIBLING, file.size)
            return False
        if not begun and stranger.generation == 0 and stranger.target.spec.start_at == "end":
            if handle is None:
                file.start_at_end = file.size
                self._checkpoints.record(Position(reader.id, path, file.size))
                return True
            reader.seek_last_line(reader.size())
        self._checkpoints.record(reader.position())
        _log.debug(Event.FILE_FOUND, path=path, offset=reader.offset)
        return True

    def _is_kin(self, file: Followed, handle: int, base: str, at_live_name: Mapping[str, FileKey]) -> bool:
        """Whether a file under a rotated name holds what another one holds or held; if so, it knows from where on.

        Raises:
            OSError: it cannot be read. UnsettledError: it cannot be judged at this moment.
        """
        reader = file.reader
        live = self._register.live.get(base)
        if live is not None and at_live_name.get(base) != live.key:
            live = None
        for original in originals(self._register, base):
            if original.place is Place.LIVE and at_live_name.get(original.reader.path) != original.key:
                continue
            if not self._handles.ensure(original):
                continue
            kin = kinship(handle, original)
            if kin is Kinship.COPY and original is not live and original.is_rotated:
                continue  # what has been rotated is copied no more; an empty file would look like a copy of it
            if kin is Kinship.COPY and original.key in self._new and _was_left_before(file, original):
                continue  # an older one that begins with the same lines, as of a program that fails at each start
            if kin is Kinship.UNSETTLED:
                raise UnsettledError
            if reader.is_cut and (kin is not Kinship.REMAINDER or original.inherited):
                continue  # the part that is missing would be told again, or never
            if kin in (Kinship.COPY, Kinship.READ):
                file.role, file.original, file.verified = Role.COPY, original, reader.size()
                return True
            if kin is Kinship.REMAINDER:
                inherit(file, original)
                self._checkpoints.record(reader.position())
                return True
        for position in self._gone(base):
            if holds(handle, position):
                self._left[name_of(base)].remove(position)  # its rest is to be read once
                reader.seek(position.offset)
                self._checkpoints.record(reader.position())
                return True
        self._precede(file, live)
        return False

    @staticmethod
    def _precede(file: Followed, live: Followed | None) -> None:
        """What is under a rotated name is older."""
        if live is not None:
            file.sequence, live.sequence = sorted((file.sequence, live.sequence))

    def _gone(self, base: str) -> list[Position]:
        """Files of an earlier run that had this live name, in whichever folder, and that nobody has seen since."""
        left = self._left.get(name_of(base), ())
        return [position for position in left if position.offset and not self._is_here(position)]

    def _is_here(self, position: Position) -> bool:
        file = self._register.by_key.get(position.key)
        if file is None:
            return False
        return file.reader.id == position.file or name_of(file.lineage) == name_of(base_of(position.path))

    def _was_missed(self, stranger: Stranger, base: str, at_live_name: Mapping[str, FileKey], now: float) -> bool:
        """Whether an unknown file under a rotated name had the live name between two surveys.

        It had if that name leads to another file than before, and if it is younger than the one that had it before: by
        its number, or as it was written later, for not everybody counts as logrotate does.
        """
        last = self._last.get(base)
        if last is None:
            return True
        before = self._register.by_key.get(last)
        # If it was truncated, or may have been as nothing was known of its content, then this can be a copy of what it
        # held since the last survey.
        if before is not None and (before.lapsed or (before.reader.offset == 0 and before.changed)):
            return True
        if at_live_name.get(base) == last:
            # Still the same file, and the rotation may be still under way: renamecopy's copy comes after the new file.
            return now - self._rotated_at.get(base, -ROTATING_S) < ROTATING_S
        if before is None or before.place is not Place.RENAMED or base_of(before.reader.path) != base:
            return True
        if order_of(stranger.path) > order_of(before.reader.path):
            return True
        written_later = before.stamp is not None and stranger.stamp.mtime_ns > before.stamp.mtime_ns
        return written_later and not self._is_first(base)  # while we were down an old one may have been edited

    def _is_first(self, base: str) -> bool:
        """Whether its folder is looked into for the first time."""
        return os.path.dirname(base) not in self._folders

    def _is_bereft(self, stranger: Stranger, base: str, at_live_name: Mapping[str, FileKey]) -> bool:
        """Whether what was read of a live name's file, or an earlier one's, is gone and may have left a rest."""
        waits = stranger.key in self.refused  # it was to be unpacked, and could not be so far
        live = self._register.live.get(base)
        if live is not None and (live.lapsed or (waits and live.lapse)) and at_live_name.get(base) == live.key:
            return True
        return (self._is_first(base) or waits) and bool(self._gone(base))

    def _is_compressed(self, stranger: Stranger, handle: int | None) -> bool:
        if (stranger.target.glob is not None or not stranger.live) and is_compressed_name(stranger.path):
            return True
        return handle is not None and is_compressed(os.pread(handle, 6, 0))

    def _renumbered(self, stranger: Stranger) -> Position | None:
        """A file of an earlier run whose device has another number since the machine was started anew."""
        for position in self._earlier.get(stranger.key.inode, ()):
            same_name = position.path == stranger.path
            if same_name and position.head.length and self._still_holds(position, stranger.path):
                return replace(position, file=position.file._replace(device=stranger.key.device))
        return None

    def _make(self, stranger: Stranger, reader: Reader, sequence: int, now: float) -> Followed:
        spec = stranger.target.spec
        reader.encoding, reader.joiner = spec.encoding, joiner_of(spec)
        file = Followed(
            reader=reader,
            spec=spec,
            lineage=base_of(stranger.path),
            sequence=sequence,
            place=Place.LIVE,
            changed_at=now,
        )
        file.label(stranger.path, Place.LIVE if stranger.live else Place.RENAMED)
        file.look(stranger.stamp, now)
        return file

    @staticmethod
    def _still_holds(position: Position, path: str) -> bool:
        with suppress(OSError):
            return holds_at(path, position)
        return False


def _was_left_before(file: Followed, other: Followed) -> bool:
    """Whether a file was last written or renamed before another one was written."""
    return file.stamp is not None and other.stamp is not None and file.stamp.ctime_ns < other.stamp.ctime_ns
