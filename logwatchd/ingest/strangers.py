"""A file that a survey met and whose key is not known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from logwatchd.ingest.identity import FileKey, Stamp
from logwatchd.ingest.reader import Lapse
from logwatchd.ingest.targets import Target
from logwatchd.parsing.names import base_of, is_temporary


@dataclass(frozen=True, slots=True)
class Stranger:
    """generation: above 0 if its inode was another file's, and `lapse` what that was."""

    path: str
    key: FileKey
    stamp: Stamp
    target: Target
    live: bool
    generation: int = 0
    lapse: Lapse | None = None

    def again(self, generation: int, lapse: Lapse | None) -> Stranger:
        """The same with what is known of the file that had its inode."""
        return replace(self, generation=generation, lapse=lapse)


def comes_first(stranger: Stranger) -> tuple[bool, bool, bool]:
    """For sorting: what lost its content, what renamecopy copies, and what has a live name; then the others, which are
    judged by what those are."""
    return stranger.lapse is None, not is_temporary(stranger.path), stranger.path != base_of(stranger.path)
