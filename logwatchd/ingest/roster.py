"""All known files: a survey finds out what there is and what became of each of them.

The order within a survey matters. Rotated names are looked at before live ones: if an unknown file stands under a
rotated name, the live name has been given to another file by then, and the look at that shows it. What is known is
examined before what is new is judged: a copy is told from a new file by what its original is, or was.
"""

# ruff: noqa: PTH116 - paths are plain strings here: a thousand of them are looked at every second

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from logwatchd import journal
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.compressed import CompressedReader
from logwatchd.ingest.copies import Copies
from logwatchd.ingest.followed import Followed, Place, Register
from logwatchd.ingest.handles import Handles, raise_limit
from logwatchd.ingest.identity import FileKey, Role, is_unlinked, key_of, stamp_of
from logwatchd.ingest.ledger import Ledger
from logwatchd.ingest.newcomers import Newcomers
from logwatchd.ingest.patterns import Listings
from logwatchd.ingest.reader import Lapse
from logwatchd.ingest.strangers import Stranger
from logwatchd.ingest.targets import Targets
from logwatchd.ingest.troubles import Troubles, says_where
from logwatchd.journal import Event
from logwatchd.records import SourceSpec

_QUIET_S = 2.0  # a compressed file that is still being written changes more often

_log = journal.logger("tail")


@dataclass(slots=True)
class Tally:
    """What happened to files since the start."""

    rotations: int = 0
    truncations: int = 0
    truncated_unread_bytes: int = 0
    resets: int = 0


class Roster:
    """Owner: the tail thread.

    last_words: unfinished last lines of files that were truncated, for whoever delivers lines to take.
    """

    def __init__(self, specs: Sequence[SourceSpec], checkpoints: Checkpoints, ledger: Ledger) -> None:
        self.tally = Tally()
        self.last_words: list[tuple[Followed, Lapse]] = []
        self._targets = Targets(specs)
        self._checkpoints = checkpoints
        self._ledger = ledger
        self._listings = Listings()
        self._register = Register()
        self.handles = Handles(self._register, raise_limit())
        self._newcomers = Newcomers(self._register, checkpoints, ledger, self.handles)
        self._copies = Copies(self._register, checkpoints, self.handles, self._newcomers.put_aside)
        self._turn = 0
        self._troubles = Troubles()

    @property
    def files(self) -> Collection[Followed]:
        """Every known file."""
        return self._register.by_key.values()

    @property
    def is_unsettled(self) -> bool:
        """Whether another survey should follow soon."""
        return any(file.lapsed for file in self.files)

    @property
    def unreadable(self) -> int:
        """How many files and folders could not be read at the last look."""
        return len(self._troubles) + len(self._newcomers.refused) + sum(bool(file.problem) for file in self.files)

    @property
    def keys(self) -> Collection[FileKey]:
        """Files that are known to exist, read or not."""
        return self._register.by_key.keys() | self._newcomers.met

    def folders(self) -> dict[str, FileKey]:
        """The folders in which something of interest can happen, as of the last survey."""
        found = {listing.folder: FileKey(listing.device, listing.inode) for listing in self._listings.listed()}
        for file in self._register.live.values():
            folder = file.link_folder
            if folder is not None and folder not in found:
                try:
                    found[folder] = key_of(os.stat(folder))
                except OSError:
                    continue
        return found

    def configure(self, specs: Sequence[SourceSpec]) -> None:
        """Follow these from now on; files that nothing names any more are let go where they stand."""
        self._targets = Targets(specs)
        for file in self._register:
            target = self._targets.of(file.reader.path) or self._targets.of(file.lineage)
            if target is None:
                self._register.drop(file)
            else:
                file.spec = target.spec

    def survey(self, now: float) -> None:
        """Find out what there is now."""
        self._turn += 1
        self._listings.begin(now)
        self._troubles.begin()
        self._newcomers.met.clear()
        strangers: dict[FileKey, Stranger] = {}
        self._look_at_siblings(strangers)
        at_live_name = self._look_at_live(strangers, now)
        self._troubles.hidden(self._targets.all, self._listings.refused)
        self._look_for_the_rest(at_live_name, now)
        self._examine_suspects(strangers, now)
        folders = {listing.folder for listing in self._listings.listed()}
        if self._newcomers.receive(strangers.values(), at_live_name, folders, now):
            self._examine_suspects({}, now)
        lapsed = [file for file in self._register if file.lapsed]
        copies = self._register.copies() if lapsed else {}
        for file in lapsed:
            self._copies.bequeath(file, copies.get(file, ()))
            waits = file.lapsed_turn == self._turn or file.lineage in self.handles.rests.lineages
            if not waits or not file.bereaved:
                self._settle(file)
        for target in self._targets.all:
            self._checkpoints.begin(target.pattern)

    def release(self, now: float, grace_s: float) -> None:
        """Let go of files that lost their live name, were delivered to the end, and have been quiet for long enough."""
        gone = []
        for file in self._register:
            if self._is_done(file):
                self._copies.discard(file)
                continue
            busy = file.behind or (file.reader.partial and not file.reader.is_cut) or file.reader.is_unpacking
            if file.place is Place.LIVE or busy or now - file.changed_at < grace_s:
                continue
            if file.place is Place.RENAMED:
                file.reader.close()
            elif self._ledger.is_idle(file.key):
                gone.append(file)
        copies = self._register.copies() if gone else {}
        for file in gone:
            self._let_go(file, copies.get(file, ()))

    def is_over(self, file: Followed) -> bool:
        """Whether it lost its live name, so that nobody is expected to go on writing to it."""
        return (
            file.place is not Place.LIVE
            or isinstance(file.reader, CompressedReader)
            or (file.reader.path != file.lineage and file.lineage in self._register.live)
        )

    def close(self) -> None:
        for file in self._register:
            file.reader.close()
        self._newcomers.close()

    def _look_at_siblings(self, strangers: dict[FileKey, Stranger]) -> None:
        known, is_aside = self._register.by_key, self._newcomers.is_aside
        for path, base, key, target in self._targets.siblings(self._listings):
            if key in known:
                continue
            live = self._register.live.get(base)
            rewritten = live is not None and live.lapsed  # who rotates by hand writes each copy over the one before
            if is_aside(key, path, live=False, rewritten=rewritten):
                continue
            try:
                status = os.stat(path, follow_symlinks=False)
            except OSError:
                continue
            real = key_of(status)
            if not stat.S_ISREG(status.st_mode) or real in known:
                continue
            if real == key or not is_aside(real, path, live=False, rewritten=rewritten):
                strangers[real] = Stranger(path, real, stamp_of(status), target, live=False)

    def _look_at_live(self, strangers: dict[FileKey, Stranger], now: float) -> dict[str, FileKey]:
        """What every configured name leads to."""
        known, live, turn = self._register.by_key, self._register.live, self._turn
        at_live_name: dict[str, FileKey] = {}
        for path, target in self._targets.live(self._listings):
            file = live.get(path)
            try:
                status = os.stat(path)
            except OSError as error:
                self._troubles.cannot_look(path, error)
                if file is not None and file.turn != turn and not says_where(error):
                    at_live_name[path] = file.key
                    self._stays(file, now)
                continue
            key = at_live_name[path] = key_of(status)
            if file is None or file.key != key:
                file = known.get(key)
            if file is not None:
                if file.turn != turn:
                    file.turn = turn
                    file.spec = target.spec
                    self._place(file, path, Place.LIVE)
                    file.look(stamp_of(status), now)
            elif not stat.S_ISREG(status.st_mode):
                if target.glob or not stat.S_ISFIFO(status.st_mode):  # else it is a stream's
                    self._troubles.say_once(path, "is no regular file and not read")
            elif not self._newcomers.is_aside(key, path, live=True):
                strangers.pop(key, None)
                strangers[key] = Stranger(path, key, stamp_of(status), target, live=True)
        return at_live_name

    def _look_for_the_rest(self, at_live_name: dict[str, FileKey], now: float) -> None:
        """Files that no configured name leads to: renamed, moved away or deleted."""
        missing = [file for file in self._register if file.turn != self._turn]
        if not missing:
            return
        wanted = {file.key.inode for file in missing if not self._is_at(file, file.reader.path, now)}
        names: dict[int, list[str]] = {}
        if wanted:
            for listing in self._listings.listed():
                for entry in listing.entries:
                    if entry.inode in wanted:
                        names.setdefault(entry.inode, []).append(f"{listing.folder.rstrip('/')}/{entry.name}")
        for file in missing:
            if file.turn == self._turn or any(self._is_at(file, p, now) for p in names.get(file.key.inode, ())):
                continue
            if file.place is not Place.NOWHERE and file.reader.path in at_live_name:
                self.tally.rotations += 1
            self._place(file, file.reader.path, Place.NOWHERE)
            if file.reader.is_open:
                self._look_inside(file, now)
            elif not file.reader.is_unpacking:
                self._register.drop(file)

    def _look_inside(self, file: Followed, now: float) -> None:
        """What its open handle tells, as no name does."""
        if file.reader.handle is not None:
            try:
                file.look(stamp_of(os.fstat(file.reader.handle)), now)
            except OSError as error:  # its server, or its disk, is gone as well
                self.handles.trouble(file, error)

    def _stays(self, file: Followed, now: float) -> None:
        """Its name cannot be looked at: that it lost it is not known, and it may be read on."""
        file.turn = self._turn
        if not isinstance(file.reader, CompressedReader):  # whose handle is not the file's own
            self._look_inside(file, now)

    def _is_at(self, file: Followed, path: str, now: float) -> bool:
        """Whether it stands under this name, as far as can be told; if so, that is noted."""
        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError as error:
            stays = file.reader.path == path and file.place is not Place.NOWHERE and not says_where(error)
            if stays:
                self._stays(file, now)
            return stays
        if key_of(status) != file.key:
            return False
        file.turn = self._turn
        if self._targets.of(path) is None or file.place is not Place.LIVE:
            self._place(file, path, Place.RENAMED)
        file.look(stamp_of(status), now)
        return True

    def _place(self, file: Followed, path: str, place: Place) -> None:
        if file.place is place and file.reader.path == path:
            return
        if file.reader.path != path and file.role is Role.FOLLOWED:
            self.tally.rotations += 1
            _log.debug(Event.FILE_ROTATED, path=file.reader.path, to=path)
        if not self.is_over(file):
            file.left_turn = self._turn
        self._register.move(file, path, place)
        self._checkpoints.relabel(file.key, path, place is Place.LIVE)
        self._ledger.label(file.key, path, place is Place.LIVE)

    def _examine_suspects(self, strangers: dict[FileKey, Stranger], now: float) -> None:
        suspects = [file for file in self._register if file.suspect]
        # Originals before copies: whether one was truncated decides what its copy is.
        for file in sorted(suspects, key=lambda file: file.role is Role.COPY):
            file.suspect = False
            if file.role is Role.COPY:
                self._copies.examine(file)
            elif file.role is Role.FOLLOWED:
                self._examine(file, strangers, now)

    def _examine(self, file: Followed, strangers: dict[FileKey, Stranger], now: float) -> None:
        """Find out whether it still is what was read, and whether there is more."""
        reader = file.reader
        was_open = reader.is_open
        if reader.is_cut and not was_open and self.handles.rests.waits(file.key):
            file.looks_left = 1
            return
        if not self.handles.ensure(file):
            if file.reader.is_unpacking:
                file.suspect = True
            elif file.problem is None:
                self._register.drop(file)
            return
        try:
            same = reader.is_same()
            size = reader.size()
        except OSError as error:
            self.handles.trouble(file, error)
            return
        if same:
            file.behind = size > reader.offset + len(reader.partial)
            if not file.behind:
                self.handles.recovered(file)
            if isinstance(reader, CompressedReader) and reader.damage:
                self._examine_cut(file, reader, reader.damage, now)
        elif was_open and (file.place is Place.NOWHERE or not self.is_over(file) or file.left_turn == self._turn):
            self._restart(file)
        else:
            # While it was closed its inode may have become another file's, and over a rotated one somebody may have
            # written the next copy: that is judged like any unknown one.
            target = self._targets.of(reader.path) or self._targets.of(file.lineage)
            lapse = reader.restart()
            self._register.drop(file)
            self.tally.resets += 1
            if target is not None and file.stamp is not None:
                live = file.place is Place.LIVE
                strangers[file.key] = Stranger(
                    reader.path, file.key, file.stamp, target, live, reader.generation, lapse
                )

    def _examine_cut(self, file: Followed, reader: CompressedReader, damage: OSError, now: float) -> None:
        """Unpack a damaged file again if it has changed, as one does that is still being written; else say so of it."""
        file.looks_left = 1
        if file.behind or reader.holds_event or now - file.changed_at < _QUIET_S:
            return
        if file.place is Place.NOWHERE or file.stamp == reader.stamp:
            self.handles.cut(file, damage)
            file.looks_left = 0
        elif not self.handles.rests.waits(file.key):
            reader.close()
            self.handles.ensure(file)
            file.suspect = True

    def _restart(self, file: Followed) -> None:
        lapse = file.reader.restart()
        with suppress(OSError):  # the next look comes to it
            file.reader.is_same()  # takes note of what it is now: that may be truncated before it is read
        file.behind = False
        if not (file.lapsed and file.bereaved):  # else nothing was read since, and what was before that counts
            file.lapse, file.lapsed, file.bereaved, file.inherited = lapse, True, True, False
            file.unread_bytes = max(0, file.size_before - lapse.position.offset - len(lapse.partial))
        file.lapsed_turn = self._turn
        self.tally.truncations += 1
        _log.info(Event.FILE_TRUNCATED, path=file.reader.path, message=f"{file.reader.path}: truncated; read from 0")

    def _is_done(self, file: Followed) -> bool:
        """Whether all that it will ever hold was dealt with: a compressed file, or a copy of one that is gone."""
        if isinstance(file.reader, CompressedReader):
            waits = file.behind or file.suspect or file.problem is not None or file.reader.is_cut or file.reader.partial
            return not waits and self._ledger.is_idle(file.key)
        original = file.original
        if original is None or original.place is not Place.NOWHERE or original.behind or original.suspect:
            return False
        return 0 < file.verified == original.size and self._ledger.is_idle(original.key)

    def _let_go(self, file: Followed, copies: Iterable[Followed]) -> None:
        """Close a file that no name leads to; if that was the last of it, its inode will be another file's."""
        for copy in copies:
            self._copies.discard(copy)
        handle = file.reader.handle
        if handle is not None and file.role is Role.FOLLOWED and is_unlinked(handle):
            self._checkpoints.record(replace(file.reader.position(), role=Role.DEAD))
        self._register.drop(file)
        _log.debug(Event.FILE_RELEASED, path=file.reader.path)

    def _settle(self, file: Followed) -> None:
        """Say goodbye to what a file was before it was truncated."""
        file.lapsed = False
        file.behind = file.role is Role.FOLLOWED and file.size > file.reader.offset
        lapse = file.lapse
        if not file.bereaved or lapse is None:
            return
        file.bereaved = False
        if lapse.partial:
            self.last_words.append((file, lapse))
        if file.unread_bytes:
            self.tally.truncated_unread_bytes += file.unread_bytes
            _log.warning(
                Event.LINES_LOST,
                path=file.reader.path,
                bytes=file.unread_bytes,
                message=f"{file.reader.path}: {file.unread_bytes} bytes were truncated away before they could be read",
            )
