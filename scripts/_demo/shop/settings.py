"""What the shop reads from its configuration file, at the start and on SIGHUP."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path


class SettingsError(Exception):
    """The file cannot be used; the message is one line that names it."""


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """What can be changed while the shop is open.

    page_size: products a page. report_budget: a report that reads more items is warned about.
    session_lifetime_s: sign-ins that are older end.
    """

    page_size: int = 20
    report_budget: int = 30_000
    session_lifetime_s: int = 6

    def to_toml(self) -> str:
        return "".join(f"{field.name} = {getattr(self, field.name)}\n" for field in fields(self))


def read_settings(file: Path) -> ShopSettings:
    """The settings in a file.

    Raises:
        SettingsError: it is unreadable, not TOML, or holds something else than positive whole numbers.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: {error}") from error
    known = {field.name for field in fields(ShopSettings)}
    for key, value in table.items():
        if key not in known:
            raise SettingsError(f"{file}: unknown key {key}")
        if not isinstance(value, int) or value < 1:
            raise SettingsError(f"{file}: {key} = {value!r} is no positive whole number")
    return ShopSettings(**table)
