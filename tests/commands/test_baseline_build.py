"""What `logwatchd baseline build` says of what it read, as a process on real files."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from logwatchd.cli import main
from logwatchd.errors import Exit
from tests.commands.process import logwatchd
from tests.scoring.making import FAULT, NORMAL, block_of

LINES = NORMAL * 2000
INCIDENT = ["ERROR db: connection lost, giving up", "FATAL web: no backend left"] * 30


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A good log but for an incident in lines 5,001 to 5,060."""
    file = tmp_path / "app.log"
    file.write_bytes(block_of([*LINES[:5000], *INCIDENT, *LINES[5000:]]))
    return file


def test_an_incident_in_the_good_log_is_told_and_kept_unless_asked(log: Path, tmp_path: Path) -> None:
    kept = logwatchd("baseline", "build", "--output", tmp_path / "b", log)
    assert kept.returncode == 0
    assert (
        f"{log}:5001-5060: 60 lines of failure that stand nowhere else look like an incident, such as 'ERROR db: "
        "connection lost, giving up': they were learned as normal; --drop-suspicious leaves them out"
    ) in kept.stderr.decode()
    assert kept.stdout == b""
    assert logwatchd("scan", "--baseline", tmp_path / "b", log).returncode == 0
    dropped = logwatchd("baseline", "build", "--output", tmp_path / "b", "--drop-suspicious", log)
    assert "they are left out" in dropped.stderr.decode()
    scanned = logwatchd("scan", "--baseline", tmp_path / "b", "--format", "jsonl", log)
    assert [json.loads(row)["line"] for row in scanned.stdout.splitlines()] == list(range(5001, 5061))


def test_the_report_has_all_of_it(log: Path, tmp_path: Path) -> None:
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", "--json", log)
    report = json.loads(done.stdout)
    shown = json.loads(logwatchd("baseline", "show", "--json", tmp_path / "b").stdout)
    assert shown == {**report["manifest"], "thresholds": report["thresholds"]}
    assert set(report["thresholds"]) == {str(log)}
    assert report["manifest"]["read_bytes"] == report["manifest"]["of_bytes"] == log.stat().st_size
    assert report["read"] == [{"path": str(log), "read_bytes": log.stat().st_size, "of_bytes": log.stat().st_size}]
    (burst,) = report["doubted"]
    assert (burst["log"], burst["lines"], report["dropped"]) == (str(log), 60, False)
    assert [(one["pattern"], one["lines"], one["first"]["line"]) for one in burst["patterns"]] == [
        (INCIDENT[0], 30, 5001),
        (INCIDENT[1], 30, 5002),
    ]
    assert [(one["log"], one["lines"], one["growing"]) for one in report["growth"]] == [(str(log), 10_060, False)]
    assert len(report["warnings"]) == 1


def test_secrets_that_only_the_daemon_has_are_not_needed(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "logwatchd.toml"
    file.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{log}"]\n[analysis]\nenabled = true\n'
        '[[sink]]\nname = "pd"\ntype = "pagerduty"\nsecret = "pd_key"\n'
    )
    done = logwatchd("baseline", "build", "--config", file, "--output", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    for args in (["scan", "--baseline", tmp_path / "b", log], ["redact", log], ["cache"]):
        assert logwatchd(args[0], "--config", file, *args[1:]).returncode == 0
    file.write_text(file.read_text() + '[embedder]\nprovider = "openai"\n')
    refused = logwatchd("baseline", "build", "--config", file, "--output", tmp_path / "b")
    assert refused.returncode == Exit.CONFIG
    assert b"embedder.provider = openai: needs openai_api_key or OPENAI_API_KEY" in refused.stderr


def test_a_folder_that_takes_no_file_is_told_before_anything_is_read(log: Path) -> None:
    for args in (
        ["build", log],
        ["merge", "/nowhere/a", "/nowhere/b"],
        ["rebuild", "/nowhere/a", "--embedder", "local"],
    ):
        done = logwatchd("baseline", args[0], "--output", "/proc/b", *args[1:])
        assert done.returncode == Exit.USAGE
        assert b"--output /proc/b: nothing can be written to /proc: " in done.stderr


def test_a_log_that_still_brings_new_patterns_is_told(tmp_path: Path) -> None:
    words = [f"INFO {chr(97 + i % 26)}{chr(97 + i // 26)}x started" for i in range(200)]
    (tmp_path / "young.log").write_bytes(block_of([line for word in words for line in (word, *NORMAL)]))
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", tmp_path / "young.log")
    text = done.stderr.decode()
    assert "young.log: 20 of its 205 patterns came in the last 10% of its lines: more of it teaches more" in text
    assert "about one further line in 6 will have a pattern that is new" in text


@pytest.mark.parametrize("packed", [False, True])
def test_huge_files_are_sampled_beside_small_ones_and_it_is_said(tmp_path: Path, packed: bool) -> None:
    huge = tmp_path / ("huge.log.gz" if packed else "huge.log")
    content = block_of([f"INFO step {number} of the import" for number in range(300_000)] + ["INFO import done"])
    huge.write_bytes(gzip.compress(content, 1) if packed else content)
    (tmp_path / "small.log").write_bytes(block_of(NORMAL))
    done = logwatchd(
        "baseline", "build", "--output", tmp_path / "b", "--sample", "1M", "--json", str(tmp_path / "*.log*")
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    read = {Path(one["path"]).name: one for one in report["read"]}
    assert read["small.log"]["read_bytes"] == read["small.log"]["of_bytes"]
    assert read[huge.name]["of_bytes"] == len(content)
    assert 0.8e6 < read[huge.name]["read_bytes"] < 1.3e6
    manifest = report["manifest"]
    assert manifest["read_bytes"] == sum(one["read_bytes"] for one in report["read"])
    assert manifest["of_bytes"] == sum(one["of_bytes"] for one in report["read"])
    assert manifest["patterns"] == len(NORMAL) + 2  # the end is always read
    assert b"in stretches spread over 1 of 2 files; --sample all reads everything" in done.stderr
    every = logwatchd("baseline", "build", "--output", tmp_path / "b", "--sample", "all", "--json", huge)
    assert json.loads(every.stdout)["manifest"]["lines"] == 300_001
    assert b"stretches" not in every.stderr


def test_a_file_of_nothing_but_nuls_is_no_reason_not_to_learn(log: Path, tmp_path: Path) -> None:
    """As a power loss leaves it."""
    (tmp_path / "zero.log").write_bytes(bytes(100_000))
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", "--json", tmp_path / "zero.log", log)
    assert done.returncode == 0, done.stderr
    alone = logwatchd("baseline", "build", "--output", tmp_path / "b2", "--json", log)
    assert json.loads(done.stdout)["manifest"]["patterns"] == json.loads(alone.stdout)["manifest"]["patterns"]


def test_a_damaged_file_among_others_is_named_and_they_are_learned(log: Path, tmp_path: Path) -> None:
    old = gzip.compress(block_of([f"INFO {hashlib.sha256(bytes([n])).hexdigest()}" for n in range(200)]))
    short, rubbish = tmp_path / "app.log.3.gz", tmp_path / "app.log.4.gz"
    short.write_bytes(old[: len(old) // 2])
    rubbish.write_bytes(b"no gzip at all\n")
    foreign = tmp_path / "app.log.5"
    foreign.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(range(256)))
    build = ("baseline", "build", "--output", tmp_path / "b", "--json")
    done = logwatchd(*build, log, short, rubbish, foreign)
    assert done.returncode == 0, done.stderr
    report, told = json.loads(done.stdout), done.stderr.decode().splitlines()
    assert report["manifest"]["sources"] == [str(log), str(short)]
    assert 10_060 + 80 < report["manifest"]["lines"] < 10_060 + 120
    partly, lost, packed = (line for line in told if line.endswith((" it was learned", " it was left out")))
    assert partly.startswith(f"{short}: cannot be read: Compressed file ended before the end-of-stream marker")
    assert partly.endswith("; what could be unpacked of it was learned")
    assert lost.startswith(f"{rubbish}: cannot be read: Not a gzipped file")
    assert lost.endswith("; it was left out")
    assert packed.startswith(f"{foreign}: is compressed and not unpacked here; pipe it: 'zstd -dc {foreign} | ")
    assert packed.endswith("; it was left out")
    assert report["warnings"][:3] == [partly, lost, packed]
    alone = logwatchd(*build, rubbish)
    assert (alone.returncode, alone.stdout) == (2, b"")
    assert alone.stderr.decode().startswith(f"logwatchd: {rubbish}: cannot be read: Not a gzipped file")


def test_sources_that_taught_nothing_are_named(log: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{tmp_path}/*.log"]\n[[source]]\npaths = ["/srv/x/y.log"]\n'
    )
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", "--config", config, log)
    warned = [line for line in done.stderr.decode().splitlines() if "configured source" in line]
    assert warned == ["nothing was learned from /srv/x/y.log, which is a configured source"]


def test_a_configured_source_without_a_file_yet_does_not_stop_the_others(log: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    start = f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{tmp_path}/later.log"]\n'
    config.write_text(start)
    nothing = logwatchd("baseline", "build", "--output", tmp_path / "b", "--config", config)
    assert nothing.returncode == 2
    assert b"no files to learn from now" in nothing.stderr
    config.write_text(start + "".join(f'[[source]]\npaths = ["{tmp_path}/{glob}"]\n' for glob in ("app*", "*.log")))
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", "--config", config, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["unlearned"] == [f"{tmp_path}/later.log"]
    assert [one["path"] for one in report["read"]] == [str(log)]  # once, though two sources have it


def test_a_rotated_copy_is_read_as_its_source_says(tmp_path: Path) -> None:
    config, copy = tmp_path / "c.toml", tmp_path / "wide.log.1"
    copy.write_text("\n".join([*NORMAL * 20, ""]), encoding="utf-16-le")
    config.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{tmp_path}/wide.log"]\nencoding = "utf-16-le"\n'
    )
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", "--config", config, "--json", copy)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["manifest"]["patterns"], report["unlearned"]) == (len(NORMAL), [])


@pytest.mark.parametrize("size", ["0", "-1", "4X", "G", "1.5G", ""])
def test_a_size_that_is_none_is_one_clear_line(size: str, log: Path, tmp_path: Path) -> None:
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", f"--sample={size}", log)
    assert done.returncode == 2
    assert b"is no size: write 500M, 4G or all" in done.stderr


def test_dropping_all_there_is_leaves_nothing_to_learn(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(block_of(["DEBUG tick"] * 1000 + [FAULT] * 20 + ["DEBUG tick"] * 1000))
    done = logwatchd("baseline", "build", "--output", tmp_path / "b", "--drop-suspicious", tmp_path / "x.log")
    assert done.returncode == 78
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("command", ["build", "merge", "rebuild"])
def test_nothing_but_a_baseline_is_replaced(
    command: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a log that stands where the output's name belongs, and not a device, which root could replace."""
    baseline, before = tmp_path / "b", log.read_bytes()
    assert main(["baseline", "build", "--output", str(baseline), str(log)]) == 0
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()  # as mktemp makes it
    inputs: dict[str, list[Path | str]] = {
        "build": [log],
        "merge": [baseline, baseline],
        "rebuild": [baseline, "--embedder", "local"],
    }
    given = ["baseline", command, *map(str, inputs[command]), "--output"]
    capsys.readouterr()
    for place, words in (
        (log, "is there and no baseline; name another file"),
        (tmp_path / "pipe", "is there and no baseline; name another file"),
        (tmp_path, "is a folder; name a file in it"),
        (tmp_path / "no" / "b", "there is no folder"),
    ):
        assert main([*given, str(place)]) == 2
        assert capsys.readouterr().err.startswith(f"logwatchd: --output {place}: {words}")
    assert log.read_bytes() == before
    for place in (tmp_path / "empty", baseline):
        assert main([*given, str(place)]) == 0


def test_the_folder_that_the_configuration_names_is_made_and_no_other(log: Path, tmp_path: Path) -> None:
    """As on a machine on which the daemon was never started."""
    config, state = tmp_path / "c.toml", tmp_path / "lib" / "logwatchd"
    config.write_text(f'[[source]]\npaths = ["{log}"]\n[baseline]\npath = "{state}/baseline"\n')
    given = ["baseline", "build", "--config", str(config), "--output"]
    assert main([*given, str(tmp_path / "elsewhere" / "baseline")]) == 2
    assert main([*given, str(state / "baseline.new")]) == 0
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert not (tmp_path / "elsewhere").exists()
