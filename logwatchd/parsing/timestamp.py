"""When a line says it was written: a real datetime, or None."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from logwatchd.parsing.colours import plain
from logwatchd.parsing.structured import fields_of

_FIELDS = ("timestamp", "@timestamp", "time", "ts", "datetime", "date", "t", "eventtime")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_MON = "(?P<mon>" + "|".join(_MONTHS) + ")"
_HMS = r"(?P<H>\d\d)[:.](?P<M>\d\d)[:.](?P<S>\d\d)(?:[.,:](?P<f>\d{1,9}))?"
_TZ = r" ?(?P<tz>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
_MAX_CHARS = 256
_YEAR_AHEAD = timedelta(days=2)  # a stamp without a year that lies further ahead is last year's

_FORMS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(form)
    for form in (
        rf"\b(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d\d)[-/.](?P<d>\d\d)[T _-]{{1,2}}{_HMS}{_TZ}",
        rf"\b(?P<d>\d{{1,2}})/{_MON}/(?P<y>\d{{4}}):{_HMS}{_TZ}",
        rf"\b{_MON} +(?P<d>\d{{1,2}}) {_HMS} (?P<y>(?:19|20)\d\d)\b",
        rf"\b(?P<d>\d{{1,2}})[ -]{_MON}[ -](?P<y>\d{{4}}) {_HMS}{_TZ}",
        rf"\b(?P<y2>\d\d)/(?P<m>\d\d)/(?P<d>\d\d) {_HMS}",
        r"\b(?P<y>20\d\d)(?P<m>\d\d)(?P<d>\d\d)[ T-](?P<H>\d\d?):(?P<M>\d\d?):(?P<S>\d\d?)(?:[.,:](?P<f>\d{1,9}))?"
        + _TZ,
        r"^(?P<y2>\d\d)(?P<m>\d\d)(?P<d>\d\d) (?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)\b",
        rf"\b{_MON} +(?P<d>\d{{1,2}}) {_HMS}",
        rf"^[EWIF](?P<m>\d\d)(?P<d>\d\d) {_HMS}",
    )
)
_EPOCH = re.compile(r"^(?:[-\[<( ]{0,3}|\S{1,16}[ =:])(1\d{9})(?:[.,]?(\d{3}(?:\d{3}){0,2}))?(?!\d)")


def timestamp_of(line: str, now: datetime) -> datetime | None:
    """The time a line was written, by its own words.

    Args:
        line: a raw line; keys have lost their digits.
        now: aware; supplies the year, and the zone, where the line has none.

    Returns:
        An aware datetime; a stamp without a zone is taken for local time of `now`'s zone. None when there is none.
    """
    line = plain(line)
    if line.lstrip()[:1] == "{" or "ts=" in line or "time=" in line:
        fields = fields_of(line)
        for name in _FIELDS:
            if name in fields:
                found = _first(fields[name], now)
                if found:
                    return found
    return _first(line[:_MAX_CHARS], now)


def _first(text: str, now: datetime) -> datetime | None:
    """The stamp that stands first in the text."""
    matches: list[tuple[int, Callable[[], datetime | None]]] = []
    for form in _FORMS:
        match = form.search(text)
        if match and match.start() == 0 and (found := _built(match.groupdict(), now)):
            return found  # no other form's stamp comes before it
        if match:
            matches.append((match.start(), lambda match=match: _built(match.groupdict(), now)))  # type: ignore[misc]
    epoch = _EPOCH.match(text)
    if epoch:
        matches.append((epoch.start(1), lambda: _from_epoch(epoch)))
    for _, build in sorted(matches, key=lambda item: item[0]):
        found = build()
        if found:
            return found
    return None


def _from_epoch(match: re.Match[str]) -> datetime | None:
    fraction = match[2] or ""
    microseconds = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return datetime.fromtimestamp(int(match[1]), UTC) + timedelta(microseconds=microseconds)


def _built(part: dict[str, str | None], now: datetime) -> datetime | None:
    month = _MONTHS[str(part["mon"])] if part.get("mon") else int(part.get("m") or 0)
    short = part.get("y2")
    year = int(part.get("y") or (2000 + int(short) if short else now.year))
    zone = part.get("tz")
    try:
        found = datetime(
            year,
            month,
            int(part["d"] or 0),
            int(part["H"] or 0),
            int(part["M"] or 0),
            int(part["S"] or 0),
            int((part.get("f") or "0")[:6].ljust(6, "0")),
            tzinfo=now.tzinfo,
        )
        if zone in {"Z", "UTC", "GMT"}:
            found = found.replace(tzinfo=UTC)
        elif zone:
            found = datetime.fromisoformat(found.replace(tzinfo=None).isoformat() + f"{zone[:3]}:{zone[-2:]}")
        if not (part.get("y") or short) and found - now > _YEAR_AHEAD:
            found = found.replace(year=year - 1)
    except ValueError:
        return None
    return found
