"""Compressed rests on their way to being readable: which are unpacked just now, and which cannot be at present."""

from __future__ import annotations

from dataclasses import dataclass

from logwatchd.ingest.compressed import CompressedReader
from logwatchd.ingest.followed import Followed
from logwatchd.ingest.identity import FileKey

AGAIN_S = 1.0  # after it could not be done: there was no room for it, or the file was still being written
_LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True)
class _Pause:
    """Until when nothing is tried, as it is dear, and why."""

    until: float
    length_s: float
    error: OSError


class Rests:
    """Owner: the tail thread."""

    def __init__(self) -> None:
        self._underway: dict[FileKey, Followed] = {}
        self._pauses: dict[FileKey, _Pause] = {}
        self._now = 0.0

    @property
    def lineages(self) -> set[str]:
        """Those of which older lines than any that can be read are still to come."""
        return {file.lineage for file in self._underway.values()}

    @property
    def is_busy(self) -> bool:
        """Whether there is something to go on with."""
        return any(file.reader.is_unpacking for file in self._underway.values())

    def begin(self, file: Followed) -> bool:
        """Open a file; False if it has to be unpacked first, or as `Reader.open` has it.

        Raises:
            OSError: it cannot be opened, or could not be unpacked a short while ago.
        """
        if self.waits(file.key):
            raise self._pauses[file.key].error
        opened = file.reader.open()
        if file.reader.is_unpacking:
            self._underway[file.key] = file
        return opened

    def waits(self, key: FileKey) -> bool:
        """Whether it is too early to unpack a file again."""
        pause = self._pauses.get(key)
        return pause is not None and self._now < pause.until

    def done(self, file: Followed) -> None:
        """It is open, and whoever asked for it takes it from here."""
        self._underway.pop(file.key, None)

    def go_on(self, now: float, budget: int) -> bool:
        """Unpack so many bytes of one of them; whether it can be read now. now: monotonic."""
        self._now = now
        for key, file in list(self._underway.items()):
            if not file.reader.is_unpacking and not file.reader.is_open:  # let go of meanwhile
                del self._underway[key]
        self._pauses = {key: pause for key, pause in self._pauses.items() if now < pause.until + _LONGEST_PAUSE_S}
        for key, file in self._underway.items():
            if not file.reader.is_unpacking:
                continue
            assert isinstance(file.reader, CompressedReader)  # nothing else is unpacked
            trouble: OSError | None
            try:
                done, trouble = file.reader.unpack(budget), file.reader.damage
            except OSError as error:
                done, trouble = True, error  # the survey finds out
            if not done:
                return False
            before = self._pauses.pop(key, None)
            if trouble:
                length_s = min(2 * before.length_s, _LONGEST_PAUSE_S) if before else AGAIN_S
                self._pauses[key] = _Pause(now + length_s, length_s, trouble)
            return True
        return False
