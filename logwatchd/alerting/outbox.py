"""Messages on their way: stored before their lines are committed, kept until somebody has taken them.

state_dir/alerts.sqlite3 can be read while the daemon runs:
    sqlite3 alerts.sqlite3 "SELECT seq, stored_at, kind, state, attempts, last_error FROM alerts ORDER BY seq"
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from logwatchd import clock
from logwatchd.alerting import digests, keeping, outcomes, retention, schema
from logwatchd.alerting.checked import instant
from logwatchd.alerting.codec import (
    IncidentRow,
    alert_from_json,
    alert_to_json,
    analysis_from_json,
    analysis_to_json,
    digest_from_json,
    story_of,
)
from logwatchd.alerting.grouping import Incident
from logwatchd.alerting.message import Digest, Kind, Story
from logwatchd.alerting.retention import Limits, Watch
from logwatchd.database import Database
from logwatchd.journal import Event, logger
from logwatchd.records import Alert, Analysis

FILE_NAME = "alerts.sqlite3"
_WANTED_FOR = timedelta(hours=24)  # an analysis that came even later would help nobody
_WAITING_FOR = (
    "FROM alerts a WHERE state = 'pending' AND held = 0 AND (target IS NULL OR target = :sink)"
    " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = a.seq AND d.sink = :sink)"
)
_COPY = (
    "INSERT INTO alerts (line_key, id, stored_at, kind, why, target, alert, analysis)"
    " SELECT ?, id, ?, ?, ?, ?, alert, analysis FROM alerts WHERE id = ? AND kind = 'alert' ON CONFLICT DO NOTHING"
)
_OUTCOME_OF = (
    "INSERT OR IGNORE INTO deliveries (seq, sink, at, receipt, refused)"
    " SELECT seq, ?, ?, ?, ? FROM alerts WHERE seq = ?"
)


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An incident's alert to be kept. key: of its line, see `explain.line_key`. why: it came back, or ''. held: only a
    digest is to tell of it. wants_analysis: Claude is to be asked."""

    key: str
    alert: Alert
    why: str = ""
    held: bool = False
    wants_analysis: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """One more message about an incident that has an alert."""

    alert_id: str
    kind: Kind
    why: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that waits. seq: its place in the order. digest: in place of an alert. receipt: what the sink it waits
    for answered to the incident's alert."""

    seq: int
    kind: Kind
    alert: Alert | None
    analysis: Analysis | None
    digest: Digest | None
    why: str
    receipt: str | None

    @property
    def key(self) -> str:
        """What it is about: the id of an incident's alert, or a digest's."""
        return self.alert.id if self.alert else self.digest.id if self.digest else ""


class Outbox:
    """Every method is one durable transaction, from any thread, and raises RetryableError when it cannot be made."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        """Raises StateError where the folder cannot hold it; a damaged file is set aside with one loud line."""
        self._database = Database(folder / FILE_NAME, schema.SCHEMA, part="outbox")
        self._database.open()
        self._limits = limits or Limits()
        self._watch = Watch()

    # incidents

    def store(
        self, new: Sequence[NewAlert], incidents: Iterable[IncidentRow], leads: Iterable[tuple[str, Alert]] = ()
    ) -> frozenset[str]:
        """Keep new alerts and their incidents, in this order. leads: what alerts that nobody has got yet shall say now.

        Returns:
            The ids of alerts whose line is new; the others' lines were seen before a crash and nothing was added.
        """
        stored_at = clock.utc_now().isoformat()

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            held = digests.held_back(connection) if any(one.held for one in new) else 0
            over = [one for one in new if one.held][max(0, digests.MAX_HELD - held) :]
            digests.count_over(connection, [(one.alert.service, one.alert.severity.value) for one in over], stored_at)
            only_counted, kept = {one.key for one in over}, set()
            for one in new:
                if one.key in only_counted:
                    continue
                alert = one.alert
                row = (
                    one.key,
                    alert.id,
                    stored_at,
                    alert_to_json(alert),
                    one.why,
                    int(one.held),
                    int(one.wants_analysis and not one.held),
                )
                sql = (
                    "INSERT INTO alerts (line_key, id, stored_at, alert, why, held, wants_analysis)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
                )
                if connection.execute(sql, row).rowcount:
                    kept.add(alert.id)
            keeping.keep(connection, incidents)
            for alert_id, alert in leads:
                connection.execute(
                    "UPDATE alerts SET alert = ? WHERE id = ? AND kind = 'alert'"
                    " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = alerts.seq)",
                    (alert_to_json(alert), alert_id),
                )
            return frozenset(kept | {one.alert.id for one in over})

        return self._database.run(work)

    def update_incidents(
        self, open_ones: Iterable[IncidentRow], resolved: Iterable[IncidentRow] = (), news: Iterable[News] = ()
    ) -> None:
        """Bring counts and times of incidents up to date, and queue what people are to hear of them."""
        at = clock.utc_now().isoformat()

        def work(connection: sqlite3.Connection) -> None:
            keeping.keep(connection, open_ones)
            keeping.resolve(connection, resolved, at)
            for one in news:
                key = f"{one.alert_id}:{one.kind}:{at}"
                connection.execute(_COPY, (key, at, one.kind, one.why, None, one.alert_id))

        self._database.run(work)

    def open_incidents(self, now: float) -> list[Incident]:
        """Incidents that were open when last written, oldest first, as begun at `now` (monotonic seconds).

        One that cannot be read again is given up with one loud line.
        """
        at = clock.utc_now().isoformat()
        found, damaged = self._database.run(lambda connection: keeping.open_ones(connection, now, at))
        for alert_id, error in damaged:
            reason = f"{self._database.file}: its row in incidents is damaged: {error}; look at the disk"
            logger("outbox").error(Event.INCIDENT_GIVEN_UP, alert_id=alert_id, reason=reason)
        return found

    def story(self, alert_id: str) -> Story | None:
        """An incident as it was when last written."""
        found = self._database.run(lambda connection: keeping.find(connection, alert_id))
        return story_of(found) if found else None

    def was_over(self, fingerprint: str) -> datetime | None:
        """When the last incident of this kind was over; None where there was none, as far as is remembered."""
        return self._database.run(lambda connection: keeping.was_over(connection, fingerprint))

    def recent_messages(self, within: timedelta) -> list[datetime]:
        """When the latest alerts and updates were queued, as far as that can be read."""
        sql = "SELECT stored_at FROM alerts WHERE kind IN ('alert', 'update') AND held = 0 AND stored_at > ?"
        since = (clock.utc_now() - within).isoformat()
        rows = self._database.run(lambda connection: connection.execute(sql, (since,)).fetchall())
        found = []
        for (at,) in rows:
            with suppress(ValueError):
                found.append(instant(at))
        return found

    def held_back(self) -> int:
        """How many incidents wait for a digest."""
        return self._database.run(digests.held_back)

    def make_digest(self) -> Digest | None:
        """Queue one message that accounts for all that was held back; None where there is nothing."""
        at = clock.utc_now().isoformat()
        return self._database.run(lambda connection: digests.make_digest(connection, at))

    # delivery

    def pending(self, sink: str, but: Sequence[int] = (), after: int = 0) -> Pending | None:
        """The oldest message that this sink has not taken, but for some by their seq. after: up to there it has all."""
        sql = (
            "SELECT seq, kind, alert, analysis, why, (SELECT receipt FROM alerts first JOIN deliveries d"
            " ON d.seq = first.seq AND d.sink = :sink WHERE first.id = a.id AND first.kind = 'alert')"
            f" {_WAITING_FOR} AND seq > :after AND seq NOT IN (SELECT value FROM json_each(:but)) ORDER BY seq LIMIT 1"
        )
        values = {"sink": sink, "but": json.dumps(list(but)), "after": after}
        while True:
            row = self._database.run(lambda connection: connection.execute(sql, values).fetchone())
            if row is None or (found := self._read(row)) is not None:
                return found if row else None

    def unanalysed(self, limit: int) -> list[Pending]:
        """The oldest alerts of the last day for which Claude is to be asked, sent or not."""
        sql = (
            "SELECT seq, kind, alert, analysis, why, NULL FROM alerts"
            " WHERE wants_analysis = 1 AND stored_at > ? ORDER BY seq LIMIT ?"
        )
        since = (clock.utc_now() - _WANTED_FOR).isoformat()
        rows = self._database.run(lambda connection: connection.execute(sql, (since, limit)).fetchall())
        return [pending for row in rows if (pending := self._read(row)) is not None]

    def wants_analysis(self, seq: int) -> bool:
        """Whether Claude is still to be asked about an alert."""
        sql = "SELECT wants_analysis FROM alerts WHERE seq = ?"
        row = self._database.run(lambda connection: connection.execute(sql, (seq,)).fetchone())
        return bool(row and row[0])

    def _read(self, row: Sequence[str | int | None]) -> Pending | None:
        """One row; an unreadable one is given up with one loud line, or it would stop all others for ever."""
        seq, kind, alert, analysis, why, receipt = row
        try:
            is_digest = Kind(str(kind)) is Kind.DIGEST
            return Pending(
                seq=int(seq or 0),
                kind=Kind(str(kind)),
                alert=None if is_digest else alert_from_json(str(alert)),
                analysis=None if analysis is None else analysis_from_json(str(analysis)),
                digest=digest_from_json(str(alert)) if is_digest else None,
                why=str(why),
                receipt=None if receipt is None else str(receipt),
            )
        except (ValueError, KeyError, TypeError) as error:
            self.give_up(int(seq or 0), "unreadable")
            logger("outbox").error(
                Event.ALERTS_GIVEN_UP, alerts=1, seq=seq, reason=f"row {seq} is unreadable: {error!r}"
            )
            return None

    def analysed(self, seq: int, analysis: Analysis | None) -> None:
        """Claude's words, or None where there will be none. Sinks that have the alert get them as a follow-up."""
        at = clock.utc_now().isoformat()
        text = None if analysis is None else analysis_to_json(analysis)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE alerts SET analysis = ?, wants_analysis = 0 WHERE seq = ?", (text, seq))
            if text is not None:
                sinks = connection.execute(
                    "SELECT sink FROM deliveries WHERE seq = ? AND refused IS NULL", (seq,)
                ).fetchall()
                for (sink,) in sinks:
                    _follow_up(connection, seq, sink, at)

        self._database.run(work)

    def delivered(
        self, seq: int, sink: str, wanted: Iterable[str], *, receipt: str | None = None, analysed: bool = True
    ) -> bool:
        """A sink has taken a message. True when all `wanted` sinks now have, and the message is thereby sent.

        analysed: whether the message had all that Claude was to say; otherwise a follow-up is queued if that came
        meanwhile. A message that is not there any more, since the file was begun anew, is nobody's.
        """
        at = clock.utc_now().isoformat()

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute(_OUTCOME_OF, (sink, at, receipt, None, seq))
            row = connection.execute("SELECT analysis FROM alerts WHERE seq = ?", (seq,)).fetchone()
            if not analysed and row is not None and row[0] is not None:
                _follow_up(connection, seq, sink, at)
            return outcomes.finish(connection, seq, wanted)

        return self._database.run(work)

    def refused(self, seq: int, sink: str, wanted: Iterable[str], reason: str) -> None:
        """A sink is not to get a message, which stays readable as refused once all other `wanted` sinks have it."""
        at = clock.utc_now().isoformat()

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_OUTCOME_OF, (sink, at, None, reason, seq))
            connection.execute("UPDATE alerts SET last_error = ? WHERE seq = ?", (reason, seq))
            outcomes.finish(connection, seq, wanted)

        self._database.run(work)

    def failed(self, seq: int, error: str) -> None:
        """An attempt failed; the message keeps its place."""

        def work(connection: sqlite3.Connection) -> None:
            sql = "UPDATE alerts SET attempts = attempts + 1, last_error = ? WHERE seq = ?"
            connection.execute(sql, (error, seq))
            self._watch.failed(seq, clock.monotonic())

        self._database.run(work)

    def give_up(self, seq: int, error: str) -> None:
        """Nobody can take this message; it stays readable until it is forgotten with the others."""
        sql = (
            "UPDATE alerts SET state = 'refused', wants_analysis = 0, attempts = attempts + 1, last_error = ?"
            " WHERE seq = ?"
        )
        self._database.run(lambda connection: connection.execute(sql, (error, seq)))

    def settle(self, sinks: Iterable[str]) -> int:
        """Mark as sent what every one of these sinks has taken already: a sink may have been removed."""
        names = sorted(set(sinks))
        marks = ", ".join("?" * len(names))
        sql = (
            f"UPDATE alerts SET state = {outcomes.OUTCOME} WHERE state = 'pending' AND held = 0"
            " AND CASE WHEN target IS NULL THEN"
            f" (SELECT count(*) FROM deliveries d WHERE d.seq = alerts.seq AND d.sink IN ({marks})) = ?"
            f" ELSE target NOT IN ({marks}) END"
        )
        return self._database.run(lambda connection: connection.execute(sql, (*names, len(names), *names)).rowcount)

    def waiting(self, sink: str | None = None) -> int:
        """How many messages wait for delivery, or for this sink, which takes a look at each of them."""
        sql = "SELECT count(*) " + (_WAITING_FOR if sink else "FROM alerts WHERE state = 'pending'")
        return int(self._database.run(lambda connection: connection.execute(sql, {"sink": sink}).fetchone())[0])

    def reserve(self, alert_id: str, usd: float, max_per_hour: int, daily_usd: float) -> int | None:
        """Put an analysis on the bill before it is asked for: the place on it; None where it is over budget.

        A day is UTC's; what was spent before a restart counts. What was spent while the clock was ahead counts then.
        """
        now = clock.utc_now()
        today = now.date()
        bounds = (now - timedelta(hours=1), now, today, today + timedelta(days=1))

        def work(connection: sqlite3.Connection) -> int | None:
            calls, spent = connection.execute(
                "SELECT coalesce(sum(at > ? AND at <= ?), 0),"
                " coalesce(sum(CASE WHEN at >= ? AND at < ? THEN usd END), 0) FROM spending",
                tuple(bound.isoformat() for bound in bounds),
            ).fetchone()
            if calls >= max_per_hour or spent + usd > daily_usd:
                return None
            row = (now.isoformat(), alert_id, usd)
            return connection.execute("INSERT INTO spending (at, alert_id, usd) VALUES (?, ?, ?)", row).lastrowid

        return self._database.run(work)

    def settle_bill(self, place: int, usd: float | None) -> None:
        """What an analysis has cost in the end; None where it was not made."""
        sql = "DELETE FROM spending WHERE id = :id" if usd is None else "UPDATE spending SET usd = :usd WHERE id = :id"
        self._database.run(lambda connection: connection.execute(sql, {"id": place, "usd": usd}))

    def counts(self) -> dict[str, int]:
        """Messages by state; 'held' ones wait for a digest."""
        sql = (
            "SELECT CASE WHEN held = 1 AND state = 'pending' THEN 'held' ELSE state END, count(*)"
            " FROM alerts GROUP BY 1"
        )
        found = dict(self._database.run(lambda connection: connection.execute(sql).fetchall()))
        return {state: int(found.get(state, 0)) for state in ("pending", "sent", "refused", "held")}

    def prune(self) -> int:
        """Forget what is old or too much; messages that nobody took in time are given up with one loud line.

        Returns:
            How many messages were given up.
        """
        limits, wall, now = self._limits, clock.utc_now(), clock.monotonic()
        given_up = self._database.run(lambda connection: retention.prune(connection, limits, self._watch, wall, now))
        self._database.shrink()
        if given_up:
            logger("outbox").error(
                Event.ALERTS_GIVEN_UP,
                alerts=given_up,
                reason=f"more than {limits.max_pending} waited, or longer than {limits.pending_for.days} days",
            )
        return given_up

    def close(self) -> None:
        self._database.close()


def _follow_up(connection: sqlite3.Connection, seq: int, sink: str, at: str) -> None:
    """Queue Claude's words for a sink that has got the alert without them."""
    row = connection.execute("SELECT line_key, id FROM alerts WHERE seq = ?", (seq,)).fetchone()
    if row is not None:
        key, alert_id = row
        connection.execute(_COPY, (f"{key}:analysis:{sink}", at, Kind.ANALYSIS, "", sink, alert_id))
