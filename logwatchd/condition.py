"""How the running daemon is: its counters, and the line that people see in `systemctl status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from logwatchd import clock
from logwatchd.alerting.text import counted
from logwatchd.alerting.wiring import Alerting
from logwatchd.ingest.sources import Sources
from logwatchd.pipeline import Pipeline


class Condition:
    """Asks the parts of the daemon. Belongs to the main thread."""

    def __init__(self, source: Sources, pipeline: Pipeline, alerting: Alerting) -> None:
        self._source = source
        self._pipeline = pipeline
        self._alerting = alerting
        self._lines_before = (clock.monotonic(), 0)

    def counters(self) -> dict[str, int | float]:
        """Since the start, except where a name says otherwise."""
        ingest, alerts, score = self._source.status(), self._alerting.status(), self._pipeline.score
        return {
            **alerts.counters(),
            "files": ingest.files,
            "streams": ingest.streams,
            "unreadable": ingest.unreadable,
            "unreadable_streams": ingest.unreadable_streams,
            "lines": score.lines,
            "anomalies": score.anomalies,
            "lines_untold": score.stumbles.lines,
            "own_lines": ingest.own_lines + score.own_lines,
            **self._embedding(),
            "unread_bytes": ingest.unread_bytes,
            "open_handles": ingest.open_handles,
            "rotations": ingest.rotations,
            "truncations": ingest.truncations,
            "truncated_unread_bytes": ingest.truncated_unread_bytes,
            "resets": ingest.resets,
            "inotify_overflows": ingest.inotify_overflows,
            "dead_emitters": ingest.dead_emitters,
            "polling_only": int(ingest.polling_only),
            "alerts_refused": alerts.alerts_refused + alerts.alerts_set_aside,
        }

    def head(self, state: str, counters: Mapping[str, int | float]) -> str:
        """What is followed, how fast since the last call, and what is open. counters: as they are now."""
        now, lines = clock.monotonic(), int(counters["lines"])
        at, before = self._lines_before
        self._lines_before = (now, lines)
        followed = counted(counters["files"], "file")
        if counters["streams"]:
            followed += f", {counted(counters['streams'], 'stream')}"
        rate = (lines - before) / max(now - at, 1e-3)
        muted = f", {counted(muted, 'line')} muted" if (muted := counters["anomalies_muted"]) else ""
        incidents = counted(counters["incidents_open"], "incident")
        return f"{state}: {followed}, {rate:,.0f} lines/s; {incidents} open{muted}"

    def troubles(self, *, has_twin: bool) -> Iterator[str]:
        """What does not work as it should. has_twin: new texts are judged while the embedder's service is away."""
        if embedding := self._embedding_trouble(has_twin):
            yield embedding
        alerts = self._alerting.status()
        failing = [
            f"{name} {'refuses' if state == 'refused' else 'fails'}"
            for name, state in alerts.services.items()
            if state != "ok"
        ]
        if failing:
            yield f"{', '.join(failing)}, {counted(alerts.alerts_pending, 'alert')} to deliver"
        if refused := alerts.alerts_refused + alerts.alerts_set_aside:
            yield f"{counted(refused, 'alert')} set aside as undeliverable"
        if untold := self._pipeline.score.stumbles.lines:
            yield f"{counted(untold, 'line')} passed over for a fault in logwatchd"
        if reason := self._pipeline.score.storing_trouble:
            yield f"anomalies cannot be stored, reading waits: {reason}"
        ingest = self._source.status()
        if ingest.unreadable:
            yield f"{counted(ingest.unreadable, 'file or folder', 'files or folders')} cannot be read"
        if ingest.unreadable_streams:
            yield f"{counted(ingest.unreadable_streams, 'journal or pipe', 'journals or pipes')} cannot be read"
        if ingest.polling_only:
            yield "without inotify, polling only"

    def _embedding(self) -> dict[str, int | float]:
        embed, score = self._pipeline.embed, self._pipeline.score
        return {
            "embedding_calls": embed.calls,
            "embedding_texts": embed.texts,
            "embedding_cache_hits": embed.hits,
            "embedding_tokens": embed.tokens,
            "embedding_usd": round(embed.usd, 6),
            "embedding_usd_today": round(embed.usd_today, 6),
            "embedding_away": int(embed.away),
            "texts_cut": embed.cut,
            "texts_refused": embed.refused,
            "texts_waiting": embed.waiting(),
            "lines_kept": self._pipeline.lines_kept,
            "lines_late": score.late_lines,
            "lines_given_up": self._pipeline.lines_given_up,
            "lines_by_twin": score.twin_lines,
        }

    def _embedding_trouble(self, has_twin: bool) -> str | None:
        """What an operator has to know of the embedder's service."""
        embed, kept = self._pipeline.embed, self._pipeline.lines_kept
        if not embed.trouble:
            return f"{kept:,} late lines are being scored" if kept else None
        if not embed.away:
            return f"embedding fails, {embed.waiting():,} texts wait"
        if has_twin:
            return f"embedding is away, a local twin judges new texts: {embed.trouble}"
        return f"embedding is away, {kept:,} lines wait on the disk: {embed.trouble}"
