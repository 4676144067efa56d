"""What the embedders that read a model from a local folder share: its files, its identity, its tokenizer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from logwatchd.errors import ConfigError, no_access
from logwatchd.extras import mend
from logwatchd.kinds import is_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CHUNK = 1 << 20


def file_in(folder: Path, *names: str) -> Path:
    """The first of these files that is there.

    Raises:
        ConfigError: none is, or it cannot be read.
    """
    for name in names:
        file = folder / name
        try:
            if is_file(file):
                file.open("rb").close()  # here, where a reason can be told: the libraries' own tell none
                return file
        except OSError as error:
            problem = f"embedder.folder = '{folder}': {name} cannot be read: {no_access(error)}"
            raise ConfigError([problem]) from None
    raise ConfigError([f"embedder.folder = '{folder}': has no {' or '.join(names)}; name a folder with a model in it"])


def identity(provider: str, *files: Path) -> str:
    """A name for the vector space that these files make, wherever they lie.

    Raises:
        ConfigError: one cannot be read.
    """
    digest = hashlib.blake2b(digest_size=6)
    for file in files:
        try:
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise ConfigError([f"embedder.folder: {file}: cannot be read: {no_access(error)}"]) from None
    return f"{provider}:{digest.hexdigest()}"


def tokenizer_of(file: Path) -> Tokenizer:
    """The tokenizer, with nothing cut and nothing padded yet.

    Raises:
        ConfigError: it is none.
    """
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises no narrower one
        raise ConfigError([f"embedder.folder: {file}: not a tokenizer: {error}"]) from None
    found.no_truncation()
    found.no_padding()
    return found


def missing(provider: str, error: ImportError) -> ConfigError:
    """For a library that is not installed."""
    return ConfigError([f"embedder.provider = {provider}: needs {error.name}: {mend(provider)}"])
