"""journald's catalog: what `journalctl -x` says about each kind of event. The ids come from the events' names."""

from __future__ import annotations

from logwatchd.journal import Event
from logwatchd.journal_output import message_id

_ALERT = (
    "A line was written that is far from all that the baseline holds.\n\n"
    "  service and file: @LOGWATCHD_SERVICE@, @LOGWATCHD_PATH@\n"
    "  score: @LOGWATCHD_SCORE@, over the threshold @LOGWATCHD_THRESHOLD@\n\n"
    "All entries about it: journalctl LOGWATCHD_ALERT_ID=@LOGWATCHD_ALERT_ID@\n"
    "If it is normal here: add its log to what 'logwatchd baseline build' reads, and reload. To hear no more of it:\n"
    '[[mute]] with fingerprints = ["@LOGWATCHD_FINGERPRINT@"] in logwatchd.toml, and reload.'
)
_REFUSED = (
    "The reason: @LOGWATCHD_REASON@\n\n"
    "Nothing was changed; the daemon goes on with what it had. Mend the configuration or the baseline, check it with\n"
    "'logwatchd check-config', and reload again."
)
_KEPT = (
    "Nothing is lost: it is kept on the disk and tried again, with pauses that grow. Check the network and the secret."
)
_SLOW = (
    "Reading waits until it works again; the log files are the buffer, and nothing is lost as long as they are kept."
)
_STAGE = (
    "This is a mistake in logwatchd. The service manager starts it again; it goes on where it had read to.\n"
    "Please report it with this entry and those before it."
)
_FAULT = "This is a mistake in logwatchd; please report it with this entry. "
_ADVICE: dict[Event, str] = {
    Event.ANOMALY: _ALERT,
    Event.LINES_MUTED: "A [[mute]] of the configuration covers them. This is said once an hour for each mute; all of\n"
    "them are counted, as anomalies_muted in status.json.",
    Event.RELOAD_REFUSED: _REFUSED,
    Event.STAGE_DIED: "The service manager starts it again; it goes on where it had read to. Its reason, if there is\n"
    "one, says what to mend. A traceback is a mistake in logwatchd: please report it with the entries before it.",
    Event.STAGE_HANGS: _STAGE,
    Event.STATE_LOST: "Somebody deleted @LOGWATCHD_STATE_DIR@ or put another folder there while the daemon ran. It is\n"
    "started anew. Stop it first, with 'systemctl stop logwatchd', to begin without its state.",
    Event.FILE_UNREADABLE: "The daemon's user may not read it. Put the file into the group adm, or allow the user\n"
    "with 'setfacl -m u:logwatchd:r FILE'. Or it is compressed and damaged: what can be unpacked of it was read.",
    Event.LINES_LOST: "The file was made shorter before it was read to its end, as logrotate's copytruncate does.\n"
    "Rotate by renaming where you can: that loses nothing.",
    Event.BASELINE_OF_ANOTHER_VERSION: "This logwatchd makes other patterns of some lines. Build it again from\n"
    "logs of good days when there is time, 'logwatchd baseline build --config FILE --output @LOGWATCHD_PATH@',\n"
    "and reload.",
    Event.SOURCE_UNLEARNED: "Learn it as well: 'logwatchd baseline build' with all configured logs, then reload.",
    Event.STUMBLED: _FAULT + "Nothing is lost: what cannot be judged by itself either counts as new.",
    Event.LINE_UNTOLD: _FAULT + "Look at the line yourself: tail -c +OFFSET FILE | head -n 1, OFFSET being one more.",
    Event.TEXTS_REFUSED: "It takes others. One that is too long for the model is tried by its beginning first: see\n"
    "embedder.max_tokens. What is left it does not take at all. Their lines are told once, as anomalies.",
    Event.STORING_FAILED: "The disk is full or not writable. " + _SLOW,
    Event.BACKLOG_FAILS: "The disk is full or not writable, or fails. " + _SLOW,
    Event.LINES_GIVEN_UP: "The disk has changed what was written to it. These lines are not judged; the others are.",
    Event.OUTBOX_FAILS: "The disk is full or not writable. " + _SLOW,
    Event.CHECKPOINTS_UNWRITABLE: "The disk is full or not writable. After a restart, lines may be judged twice.",
    Event.SINK_FAILS: _KEPT,
    Event.SINK_REFUSED: "The service refuses the secret or the address. Nothing is lost: mend it and reload.",
    Event.ALERT_REFUSED: "The sink does not take this one message. It gets all others, and other sinks get this one.\n"
    "In alerts.sqlite3 in state_dir: SELECT * FROM deliveries WHERE refused IS NOT NULL.",
    Event.ANALYSIS_FAILS: "Alerts go out all the same, with what differs from the known lines.",
    Event.ANALYSIS_REFUSED: "The service refuses the key or the model. Alerts go out all the same. Mend it and reload.",
}
_FIELDS = "The entry's fields say more: journalctl -o verbose LOGWATCHD_EVENT={name}"


def catalog() -> str:
    """The catalog file: one entry an event."""
    head = "# logwatchd's message catalog, see systemd-journal-catalog(5) and https://systemd.io/CATALOG\n"
    return head + "".join(f"\n{_entry(event)}" for event in Event)


def _entry(event: Event) -> str:
    subject = event.value[:1].upper() + event.value[1:]
    advice = _ADVICE.get(event, "")
    body = "\n\n".join(part for part in (advice, _FIELDS.format(name=event.name)) if part)
    return (
        f"-- {message_id(event.name)}\nSubject: {subject}\nDefined-By: logwatchd\n"
        f"Documentation: man:logwatchd(1)\n\n{body}\n"
    )
