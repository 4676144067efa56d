"""`logwatchd baseline` and `logwatchd scan` as processes, on real files."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from logwatchd.commands import scan
from tests.commands.process import logwatchd, remote_baseline
from tests.fakes.openai import FakeOpenAI
from tests.helpers import UNREACHABLE
from tests.scoring.making import FAULT, NORMAL, block_of


@pytest.fixture(scope="module")
def good_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("logs") / "good.log"
    file.write_bytes(block_of(NORMAL * 300))
    return file


@pytest.fixture(scope="module")
def baseline(good_log: Path) -> Path:
    file = good_log.with_name("baseline")
    done = logwatchd("baseline", "build", "--output", file, good_log)
    assert done.returncode == 0, done.stderr
    return file


def test_what_was_built_can_be_shown(baseline: Path, good_log: Path) -> None:
    shown = logwatchd("baseline", "show", baseline)
    assert shown.returncode == 0
    text = shown.stdout.decode()
    for word in ("embedder", "local-1", "dimensions", "normaliser", "patterns", "centroids", "threshold", "built at"):
        assert word in text
    manifest = json.loads(logwatchd("baseline", "show", "--json", baseline).stdout)
    assert manifest["lines"] == 1500
    assert manifest["sources"] == [str(good_log)]


def test_normal_lines_exit_0_and_say_so(baseline: Path, good_log: Path) -> None:
    done = logwatchd("scan", "--baseline", baseline, good_log)
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"1,500 lines, 0 anomalous" in done.stderr


def test_an_anomaly_exits_1_and_is_explained(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(block_of([NORMAL[0], FAULT, FAULT]))
    done = logwatchd("scan", "--baseline", baseline, tmp_path / "app.log")
    assert done.returncode == 1
    text = done.stdout.decode()
    assert text.count(FAULT) == 2
    assert text.count("nearest known") == 1


def test_jsonl_has_the_agreed_fields(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_bytes(block_of([NORMAL[0], FAULT, "", "DEBUG unheard of"]))
    only = logwatchd("scan", "--baseline", baseline, "--format", "jsonl", tmp_path / "shop.log")
    rows = [json.loads(line) for line in only.stdout.splitlines()]
    assert [row["line"] for row in rows] == [2]
    row = rows[0]
    assert set(row) == {
        "line", "lines", "score", "threshold", "anomaly", "level", "service", "pattern", "nearest",
    }  # fmt: skip
    assert (row["lines"], row["anomaly"], row["level"], row["service"]) == (1, True, "ERROR", "shop")
    assert row["score"] > row["threshold"]
    assert row["nearest"]["distance"] > 0
    assert row["nearest"]["examples"]
    every = logwatchd("scan", "--baseline", baseline, "--format", "jsonl", "--all", tmp_path / "shop.log")
    assert [json.loads(line)["line"] for line in every.stdout.splitlines()] == [1, 2, 3, 4]
    assert every.returncode == 1


def test_what_logwatchd_wrote_itself_is_never_judged(baseline: Path, tmp_path: Path) -> None:
    own = "Jan  2 12:30:44 host logwatchd[99]: P2-High Order 7 failed and nobody knows why"
    (tmp_path / "syslog").write_bytes(block_of([own, NORMAL[0], own]))
    done = logwatchd("scan", "--baseline", baseline, tmp_path / "syslog")
    assert (done.returncode, done.stdout) == (0, b"")
    every = logwatchd("scan", "--baseline", baseline, "--all", "--format", "jsonl", tmp_path / "syslog")
    assert [(row["line"], row["score"]) for row in map(json.loads, every.stdout.splitlines())][::2] == [(1, 0), (3, 0)]
    (tmp_path / "other").write_bytes(block_of([own.replace("logwatchd", "otherd")]))
    assert logwatchd("scan", "--baseline", baseline, tmp_path / "other").returncode == 1


def test_standard_input_and_a_last_line_without_newline(baseline: Path) -> None:
    done = logwatchd("scan", "--baseline", baseline, "--format", "jsonl", "-", stdin=block_of(NORMAL) + FAULT.encode())
    assert done.returncode == 1
    assert json.loads(done.stdout)["line"] == len(NORMAL) + 1


def test_binary_rubbish_is_scored_not_feared(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(range(256)) * 50 + b"\n" + b"\xff" * 3_000_000)
    done = logwatchd("scan", "--baseline", baseline, "--format", "jsonl", "--all", tmp_path / "x")
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["line"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) == 52


def test_rotated_and_compressed_copies_are_learned(good_log: Path, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "app.log.1.gz", "wb") as file:
        file.write(good_log.read_bytes())
    (tmp_path / "app.log").write_bytes(block_of(["INFO something else entirely"]))
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", str(tmp_path / "app.log*"))
    assert done.returncode == 0, done.stderr
    manifest = json.loads(logwatchd("baseline", "show", "--json", tmp_path / "b").stdout)
    assert manifest["lines"] == 1501
    assert manifest["patterns"] == len(NORMAL) + 1


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["baseline", "build", "--output", "{tmp}/b", "{tmp}/none.log"], 2, "no such file"),
        (
            ["baseline", "build", "--output", "{tmp}/b", "/dev/null"],
            2,
            "is no regular file; pipe what it says into '-'",
        ),
        (["baseline", "build", "--output", "{tmp}/b", "{tmp}"], 2, "is a folder"),
        (["baseline", "build", "--output", "{tmp}/no/b", "{log}"], 2, "there is no folder"),
        (["baseline", "build", "--output", "{tmp}/b", "{tmp}/empty.log"], 78, "nothing|none of them"),
        (["baseline", "build", "--output", "{tmp}/b", "{tmp}/bad.gz"], 2, "cannot be read"),
        (["baseline", "show", "{log}"], 78, "not a baseline"),
        (["baseline", "show", "{tmp}/none"], 78, "no baseline there"),
        (["scan", "--baseline", "{tmp}/none", "{log}"], 78, "no baseline there"),
        (["scan", "--baseline", f"{{tmp}}/{UNREACHABLE}", "{log}"], 78, "cannot be read: File name too long; mend"),
        (["baseline", "build", "--output", f"{{tmp}}/{UNREACHABLE}/b", "{log}"], 2, "File name too long; name a"),
        (["scan", "--baseline", "{baseline}", "{tmp}/none.log"], 2, "No such file"),
        (["scan", "--baseline", "{baseline}", "{tmp}"], 2, "directory"),
    ],
)
def test_mistakes_are_one_clear_line(
    args: list[str], code: int, words: str, tmp_path: Path, baseline: Path, good_log: Path
) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b"x" * 1000)[:-12])
    done = logwatchd(*(arg.format(tmp=tmp_path, log=good_log, baseline=baseline) for arg in args))
    assert done.returncode == code
    message = done.stderr.decode()
    assert any(word in message for word in words.split("|"))
    assert message.count("\n") == 1
    assert "Traceback" not in message
    assert not (tmp_path / "b").exists()


def test_of_a_damaged_file_all_that_can_be_unpacked_is_judged(baseline: Path, tmp_path: Path) -> None:
    words = Random(1)
    lines = [f"ERROR {words.randbytes(20).hex()} number {number}" for number in range(300)]
    packed = gzip.compress(block_of(lines))
    (tmp_path / "cut.gz").write_bytes(packed[:-50])
    (tmp_path / "whole.log").write_bytes(block_of(lines))
    whole = logwatchd("scan", "--baseline", baseline, tmp_path / "whole.log").stdout
    done = logwatchd("scan", "--baseline", baseline, tmp_path / "cut.gz")
    assert done.returncode == 2
    judged = done.stdout.count(b"number ")
    assert 295 <= judged < 300
    assert whole.startswith(done.stdout)
    summary, error = done.stderr.decode().splitlines()
    assert f"cut.gz: {judged} lines, {judged} anomalous" in summary
    assert "cut.gz: cannot be read: Compressed file ended before" in error
    assert error.endswith(f"; only its first {judged} lines could be judged")


@pytest.mark.parametrize("name", ["x.log", "x.zst", "-"])
@pytest.mark.parametrize(("magic", "program"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"\x04\x22\x4d\x18", "lz4")])
@pytest.mark.parametrize("command", ["scan --baseline {baseline}", "baseline build --output {tmp}/new"])
def test_what_takes_another_program_to_unpack_is_refused_with_its_name(
    command: str, magic: bytes, program: str, name: str, baseline: Path, tmp_path: Path
) -> None:
    content = magic + bytes(range(256)) * 10
    (tmp_path / name).write_bytes(content)
    file = name if name == "-" else str(tmp_path / name)
    done = logwatchd(*command.format(baseline=baseline, tmp=tmp_path).split(), file, stdin=content)
    assert (done.returncode, done.stdout) == (2, b"")
    (error,) = done.stderr.decode().splitlines()
    shown, given = ("standard input", "FILE") if name == "-" else (file, file)
    mend = f"pipe it: '{program} -dc {given} | logwatchd ... -'"
    assert error == f"logwatchd: {shown}: is compressed and not unpacked here; {mend}"


def test_a_reader_that_has_seen_enough_is_no_error(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(block_of([FAULT] * 50_000))
    command = (
        f"'{sys.executable}' -m logwatchd scan --baseline '{baseline}' --format jsonl '{tmp_path}/x.log' | head -1"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False)
    assert done.stderr == b""
    assert json.loads(done.stdout)["line"] == 1


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["scan", "--baseline", "b", ""], "FILE|-"),
        (["scan", "--baseline", "", "-"], "--baseline"),
        (["redact", ""], "FILE|-"),
        (["watch", "x.log", ""], "PATH|-"),
        (["baseline", "build", "--output", "b", ""], "FILE|GLOB|-"),
        (["check-config", "--config", ""], "--config"),
        (["tune", "--baseline", "b", "--normal", ""], "--normal"),
    ],
)
def test_an_empty_name_is_said_to_be_empty(args: list[str], named: str) -> None:
    """It was taken for the present folder."""
    done = logwatchd(*args)
    assert done.returncode == 2
    assert f"argument {named}: the name is empty; name a file\n" in done.stderr.decode()


def test_usage_exits_2_and_help_loads_nothing_heavy() -> None:
    assert logwatchd().returncode == 2
    assert logwatchd("scan").returncode == 2
    probe = (
        "import sys; from logwatchd import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pydantic', 'openai', 'anthropic', 'sklearn', 'rich', 'structlog', 'watchdog', 'sqlite3'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_remote_embedder_serves_building_and_scanning(service: FakeOpenAI, tmp_path: Path) -> None:
    baseline = remote_baseline(tmp_path, service)
    assert sum(len(body["input"]) for body in service.history) == len(NORMAL)  # each distinct text once
    (tmp_path / "new.log").write_bytes(block_of([*NORMAL, FAULT, FAULT]))
    args = ("scan", "--baseline", baseline, "--format", "jsonl", tmp_path / "new.log")
    scanned = logwatchd(*args, env=service.env)
    assert scanned.returncode == 1, scanned.stderr
    assert [json.loads(line)["line"] for line in scanned.stdout.splitlines()] == [6, 7]
    assert service.history[-1]["input"] == ["ERROR sqlite<N>.OperationalError: database is locked"]
    without = logwatchd("baseline", "build", "--output", tmp_path / "b2", "--config", tmp_path / "c.toml")
    assert without.returncode == 78
    assert b"OPENAI_API_KEY" in without.stderr


def test_a_configuration_says_how_many_texts_a_request_holds(service: FakeOpenAI, tmp_path: Path) -> None:
    baseline, config = remote_baseline(tmp_path, service), tmp_path / "c.toml"
    config.write_text(f"{config.read_text()}batch_size = 4\n")
    (tmp_path / "new.log").write_bytes(block_of([f"ERROR {word} is not what it was" for word in "abcdefghij"]))
    before = len(service.history)
    args = ("scan", "--baseline", baseline, "--config", config, tmp_path / "new.log")
    assert logwatchd(*args, env=service.env).returncode == 1
    assert [len(body["input"]) for body in service.history[before:]] == [4, 4, 2]


def test_new_patterns_of_a_long_stream_are_told_once_as_far_as_they_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scan, "_MOST_SEEN", 10)
    seen = scan._Seen()
    assert [seen.first_time(str(number)) for number in range(20)] == [True] * 20
    assert [seen.first_time(str(number)) for number in range(16, 20)] == [False] * 4
    assert seen.patterns == 20
    assert seen.first_time("0")
    assert len(seen._younger) + len(seen._older) <= 11


def test_the_same_levels_are_learned_and_judged(tmp_path: Path) -> None:
    """With no configuration and with the defaults of one."""
    log, config = tmp_path / "app.log", tmp_path / "c.toml"
    log.write_text(
        "".join(f"INFO job {i} done\n{level} entering run\n" for i in range(60) for level in ("TRACE", "DEBUG"))
    )
    config.write_text(f"state_dir = '{tmp_path}'\n[[source]]\npaths = ['{log}']\n")
    for options in ([], ["--config", config]):
        assert logwatchd("baseline", "build", "--output", tmp_path / "b", *options, log).returncode == 0
        assert logwatchd("scan", "--baseline", tmp_path / "b", log).returncode == 0
        new = logwatchd("explain", "--baseline", tmp_path / "b", "TRACE never seen before")
        assert b"Never judged" not in new.stdout


def test_a_configuration_says_threshold_levels_encoding_and_service(tmp_path: Path) -> None:
    good, bad, config = tmp_path / "good.log", tmp_path / "bad.log", tmp_path / "c.toml"
    good.write_bytes(block_of(NORMAL * 100))
    bad.write_bytes("ERROR disk full\nNOTICE what nobody ever said\n".encode("utf-16"))
    assert logwatchd("baseline", "build", "--output", tmp_path / "b", good).returncode == 0

    def scanned(more: str, source: str = "") -> list[dict[str, Any]]:
        config.write_text(
            f"state_dir = '{tmp_path}'\n[[source]]\npaths = ['{tmp_path}/*.log']\nencoding = 'utf-16'\n{source}\n{more}"
        )
        done = logwatchd("scan", "--baseline", tmp_path / "b", "--config", config, "--format", "jsonl", bad)
        assert done.returncode == bool(done.stdout), done.stderr
        return [json.loads(row) for row in done.stdout.splitlines()]

    assert [row["pattern"] for row in scanned("")] == ["ERROR disk full", "NOTICE what nobody ever said"]
    assert [row["line"] for row in scanned("", "skip_levels = ['NOTICE']\nservice = 'shop'")] == [1]
    assert {row["service"] for row in scanned("", "service = 'shop'")} == {"shop"}
    assert {row["threshold"] for row in scanned("[baseline]\nthreshold = 0.01")} == {0.01}
    assert scanned("[baseline]\nthreshold = 0.9999") == []


def test_nothing_that_is_printed_steers_a_terminal(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.log", tmp_path / "b\x1b[2Jad.log"
    good.write_text("".join(f"INFO \x1b[31mred\x1b[0m thing happened\x07 {i}\n" for i in range(50)))
    bad.write_text("ERROR \x1b[31mred\x1b[0m thing exploded \x1b]0;title\x07\n")
    assert logwatchd("baseline", "build", "--output", tmp_path / "b", good).returncode == 0
    done = logwatchd("scan", "--baseline", tmp_path / "b", bad)
    assert b"nearest known" in done.stdout
    missing = logwatchd("scan", "--baseline", tmp_path / "b", tmp_path / "no\x1b[2J\nlog")
    assert missing.stderr.count(b"\n") == 1
    for printed in (done.stdout, done.stderr, missing.stderr):
        assert b"\x1b" not in printed
        assert b"\x07" not in printed
        assert b"\\x1b[" in printed
