"""What tables of the configuration are made of: their common base and the types of their keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def absolute(pattern: str) -> str:
    """A path or glob that means the same wherever the daemon was started."""
    if not pattern.startswith("/"):
        raise ValueError("give an absolute path or glob: a daemon has no working folder of its own")
    if "\0" in pattern or "\n" in pattern:
        raise ValueError("no path holds a NUL byte or a line break: take it out")
    return pattern


def _absolute_path(path: Path) -> Path:
    absolute(str(path))
    return path


Switch = bool | Literal["auto"]
HttpUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]
AbsolutePath = Annotated[Path, AfterValidator(_absolute_path)]


class Table(BaseModel):
    """A table; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
