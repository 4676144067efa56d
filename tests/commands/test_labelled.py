"""Labelled lines in every form that people have them, and one clear line about each that is wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.commands.labelled import Labelled, read_labelled, read_plain
from logwatchd.errors import UsageError

TRACE = 'ERROR x\nTraceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: "bad", twice'
ROWS = [("INFO a, b", "normal"), (TRACE, "anomaly"), ("späte Zeile", "normal"), ("", "normal")]


def read(content: str | bytes, folder: Path) -> list[tuple[str, bool]]:
    file = folder / "labels.any"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    sizes: list[int] = []
    found = [(line.raw.decode(), line.anomaly) for line in read_labelled(file, sizes.append)]
    assert sum(sizes) == file.stat().st_size
    return found


def as_csv(rows: list[tuple[str, str]], delimiter: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerows([("log", "label"), *rows])
    return out.getvalue()


WANTED = [(log, label == "anomaly") for log, label in ROWS]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"log": log, "label": label} for log, label in ROWS]),
        "\n " + json.dumps([{"label": label, "more": 1, "log": log} for log, label in ROWS], indent=4),
        "".join(json.dumps({"log": log, "label": label}) + "\n\n" for log, label in ROWS),
        "\r\n".join(json.dumps({"log": log, "label": label.upper()}) for log, label in ROWS),
        as_csv(ROWS),
        as_csv(ROWS, ";", "\n"),
        as_csv(ROWS, "\t"),
        "\ufeff" + as_csv(ROWS).replace("log,label", '"Log", LABEL'),
    ],
    ids=["list", "pretty", "lines", "crlf", "csv", "semicolon", "tab", "bom"],
)
def test_the_content_tells_the_form(content: str, tmp_path: Path) -> None:
    assert read(content, tmp_path) == WANTED


def test_what_windows_exports(tmp_path: Path) -> None:
    assert read(as_csv(ROWS).encode("utf-16"), tmp_path) == WANTED


def test_zero_and_one_are_labels_and_columns_stand_in_any_order(tmp_path: Path) -> None:
    assert read("id,label,log\n7,1,a\n8,0,b\n", tmp_path) == [("a", True), ("b", False)]
    assert read('[{"log": "a", "label": 1}, {"log": "b", "label": 0}]', tmp_path) == [("a", True), ("b", False)]


@pytest.mark.parametrize("content", ["", "\n \n", "[]", "log,label\n"])
def test_nothing_is_no_mistake_of_the_form(content: str, tmp_path: Path) -> None:
    assert read(content, tmp_path) == []


def test_broken_bytes_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b'[{"log": "a \xff\\t b \\ud800", "label": "normal"}]')
    (line,) = read_labelled(tmp_path / "x", lambda _: None)
    assert line.raw in (b"a \xff\t b ?", b"a ?\t b ?")
    (tmp_path / "x").write_bytes(b'[{"log": "a \xff\\t b", "label": "normal"}]')
    assert [line.raw for line in read_labelled(tmp_path / "x", lambda _: None)] == [b"a \xff\t b"]


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.booleans()), max_size=8))
def test_every_text_survives_every_form(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, bool]]) -> None:
    folder = tmp_path_factory.mktemp("forms")
    objects = [{"log": log, "label": "anomaly" if anomaly else "normal"} for log, anomaly in rows]
    wanted = [(log.rstrip("\r\n"), anomaly) for log, anomaly in rows]
    assert read(json.dumps(objects), folder) == wanted
    assert read("\n".join(json.dumps(row, ensure_ascii=True) for row in objects), folder) == wanted
    # csv's reader takes a lone carriage return in quotes as it is; a NUL byte it refuses.
    if not any("\0" in log for log, _ in rows):
        assert read(as_csv([(row["log"], row["label"]) for row in objects]), folder) == wanted


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (
            '[{"log": "a", "label": "normal"}, {"log": "b", "label": "bad"}]',
            ", item 2",
            '"label" = "bad": write "normal"',
        ),
        ('[{"log": "a", "label": true}]', ", item 1", '"label" = true'),
        ('[{"log": "a"}]', ", item 1", 'has no "label"'),
        ('[{"message": "a", "label": "normal"}]', ", item 1", 'has no "log"'),
        ('[{"log": 7, "label": "normal"}]', ", item 1", '"log" = 7: is no text'),
        ('["a"]', ", item 1", '"a" is no object'),
        ('[{"log": "a",\n "label": }]', ", line 2, column 11", "no JSON"),
        ("[Sun Dec 04 04:47:44 2005] [error] x\n", ", line 1, column 2", "--normal and --anomaly"),
        ("[" * 100_000, "", "no JSON|nested too deeply"),
        ('[{"log": "a", "label": "normal", "n": ' + "9" * 5000 + "}]", "", "a number of thousands of digits"),
        ('{"log": "a", "label": ' + "9" * 5000 + "}", ", line 1", "a number of thousands of digits"),
        ('{"log": "a", "label": "normal"}\n{"log": "b"\n', ", line 2, column 12", "no JSON"),
        ('{"log": "a", "label": "normal"}\n\n{"log": "b", "label": 2}\n', ", line 3", '"label" = 2'),
        ("log,label\na,normal\nb, c,normal\n", ", line 3", "has 3 columns, the header 2; put the log in double quotes"),
        ('log,label\n"a\nb",normal\nc,x\n', ", line 4", '"label" = "x"'),
        ('log,label\n"a,normal\n', ", line 2", "no CSV"),
        ("log;other\na;b\n", "", "no form that is known"),
        ("INFO a plain log\n", "", '"INFO a plain log", which is no form that is known'),
        (b"\x7fELF\x00\x01\xff\xfe" * 100, "", "no form that is known"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_value_and_mend(
    content: str | bytes, place: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as raised:
        read(content, tmp_path)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'labels.any'}{place}")
    assert any(part in message for part in words.split("|"))
    assert "\n" not in message
    assert len(message) < 600
    assert message.isprintable()


def test_what_can_be_read_and_not_shown_is_named_all_the_same(tmp_path: Path) -> None:
    """Depths at which reading works and writing does not: where they lie depends on the stack."""
    for depth in range(900, 1000):
        with pytest.raises(UsageError, match=r"label|nested too deeply"):
            read('{"log": "a", "label": ' + "[" * depth + "]" * depth + "}", tmp_path)


@pytest.mark.parametrize("name", ["none", "."])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        list(read_labelled(tmp_path / name, lambda _: None))


def test_plain_logs_keep_their_traces_whole_and_their_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "bad.log").write_text(f"INFO before\n{TRACE}\nINFO after")
    lines = list(read_plain(tmp_path / "bad.log", True, lambda _: None))
    place = f"{tmp_path / 'bad.log'}, line"
    assert lines == [
        Labelled(b"INFO before", True, f"{place} 1"),
        Labelled(TRACE.encode(), True, f"{place} 2"),
        Labelled(b"INFO after", True, f"{place} 6"),
    ]
