"""No line ends the stage, whatever it says: it would end it again at each start."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.alerting.explain import alert_of
from logwatchd.alerting.grouping import Rules
from logwatchd.alerting.incidents import OpenIncidents
from logwatchd.alerting.opening import begin, kind_of
from logwatchd.parsing.redaction import Redactor
from logwatchd.records import Block, FileId, Severity
from tests.scoring.making import SPEC, StageBench, learn

BASELINE = learn()
REDACT = Redactor(b"k" * 32)
# What the readers of lines look for, and what is nearly that.
NAMED = [
    "level",
    "severity:",
    "ERROR",
    "[warn]",
    '"level": ',
    "ts=",
    "time=",
    "service=",
    "host=",
    "status=",
    "exit ",
    "user=",
]
VALUES = [
    "1e400",
    "NaN",
    "-0",
    "null",
    "[1",
    "{}",
    '{"level": [1]}',
    '{"ts": 99999999999999999999999}',
    "9" * 40,
    "0x",
    "<N>",
]
TIMES = [
    "2026-99-99 99:99:99",
    "2026-11-27T12:00:00",
    "+99:99",
    "Z",
    "1732700000.",
    "E1127 12:00:00",
    "Jan  0 25:00:00",
]
SECRETS = ["password=", "Bearer ", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "http://u:p@h/", "a@b.com"]
DIGITS = [
    "\N{SUPERSCRIPT TWO}",
    "\N{CIRCLED DIGIT THREE}",
    "\N{ARABIC-INDIC DIGIT FOUR}",
    "\N{FULLWIDTH DIGIT FIVE}",
    "\N{ROMAN NUMERAL EIGHT}",
    "\N{VULGAR FRACTION ONE HALF}",
]
OTHERS = [
    "=",
    ":",
    " ",
    '"',
    "{",
    "}",
    "-",
    ".",
    "/",
    "\\x",
    "\x10",
    "\x19",
    "\x00",
    "\u2028",
    "\u0130",
    "\ufeff",
    "é",
    "a" * 70,
]
LINES = st.lists(
    st.one_of(
        st.sampled_from([*NAMED, *VALUES, *TIMES, *SECRETS, *DIGITS, *OTHERS]), st.text(max_size=3), st.just("\udc80")
    ),
    max_size=10,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=4))
def test_every_line_is_judged_and_every_anomaly_told(lines: list[str]) -> None:
    bench = StageBench(BASELINE)
    raw = [line.encode("utf-8", "surrogatepass").replace(b"\n", b" ") for line in lines]
    data = b"".join(line + b"\n" for line in raw)
    bench.queue.put(Block(SPEC, "/var/log/x.log", FileId(1, 1, 0), 0, data, len(data)))
    while not bench.done:
        bench.turn()
        bench.answer()
    assert bench.stage.lines == len(lines)
    index = OpenIncidents(Rules())
    for one in bench.anomalies:
        key = kind_of(one, "meaning")
        if index.around(one, key, 0.0).same is None:
            alert = alert_of(one, 10, REDACT)
            alert.line.encode()  # it can be stored
            index.add(begin(one, alert, key, Severity.P3, 0.0))
