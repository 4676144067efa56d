"""`logwatchd check-config` as an operator runs it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.commands import check_config
from logwatchd.commands.preflight import state_dir_problems, user
from logwatchd.errors import Exit
from logwatchd.records import SourceSpec
from tests.helpers import ROOT_ONLY, UNREACHABLE, nobody

pytestmark = pytest.mark.usefixtures("no_overrides")


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known-good")
    log = folder / "app.log"
    log.write_text("".join(f"2026-01-02T03:04:{n % 60:02} INFO request {n} served in {n} ms\n" for n in range(300)))
    command = [sys.executable, "-m", "logwatchd", "baseline", "build", "--output", str(folder / "baseline"), str(log)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return folder / "baseline"


@pytest.fixture
def file(tmp_path: Path, baseline: Path) -> Path:
    """A configuration of two sources that is in order."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("a.log", "b.log", "c.log.gz"):
        (logs / name).write_bytes(b"x\n")
    file = tmp_path / "logwatchd.toml"
    file.write_text(
        f'[baseline]\npath = "{baseline}"\n'
        f'[[source]]\npaths = ["{logs}/*.log*"]\nservice = "[web] shop"\n'
        f'[[source]]\npaths = ["{tmp_path}/later/*"]\n'
    )
    return file


def test_what_the_unit_is_given_is_not_missing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator's shell has none of the daemon's credentials."""
    tables = "[analysis]\nenabled = true\n[[sink]]\nname = 'pd'\ntype = 'pagerduty'\nsecret = 'pd_key'\n"
    file.write_text(file.read_text() + tables)
    dropin = tmp_path / "machine" / "etc" / "systemd" / "system" / "logwatchd.service.d" / "override.conf"
    dropin.parent.mkdir(parents=True)
    dropin.write_text("[Service]\nLoadCredential=slack_webhook_url:/etc/logwatchd/url\n# LoadCredential=pd_key:/x\n")
    assert check_config.run(file, tmp_path / "machine") is Exit.CONFIG
    refused = capsys.readouterr().err
    assert "sink[1].secret = 'pd_key': needs a secret" in refused
    assert "analysis.enabled = true: needs a secret" in refused
    more = "LoadCredentialEncrypted = pd_key:/etc/logwatchd/pd\nSetCredential=anthropic_api_key:x\n"
    dropin.write_text(dropin.read_text() + more)
    assert check_config.run(file, tmp_path / "machine") is Exit.OK
    told = capsys.readouterr().out
    assert "analysis on; slack on" in told
    assert "sink slack: Slack's webhook; slack_webhook_url is given to the unit; gets" in told
    assert "sink pd: pagerduty; pd_key is given to the unit; gets" in told
    dropin.write_text(dropin.read_text().replace("slack_webhook_url", "slack_bot_token"))
    assert check_config.run(file, tmp_path / "machine") is Exit.CONFIG
    assert "slack.channel: missing; a bot's token needs the channel" in capsys.readouterr().err
    file.write_text(file.read_text() + "[slack]\nchannel = '#ops'\n")
    assert check_config.run(file, tmp_path / "machine") is Exit.OK
    assert "sink slack: Slack's bot, channel #ops; slack_bot_token is given to the unit" in capsys.readouterr().out
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert check_config.run(file, tmp_path / "machine") is Exit.CONFIG, "within the unit they have to be there"


def test_names_of_files_steer_no_terminal(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file.parent / "logs" / "\x1b]0;owned\x07.log").write_bytes(b"x\n")
    again = file.read_text().replace("later/*", "logs/*.log")
    file.write_text(again)
    assert check_config.run(file) is Exit.OK
    told = capsys.readouterr().err
    assert "\\x1b]0;owned\\x07.log: found by source[1] and source[2]" in told
    assert "\x1b" not in told


def test_a_good_configuration_gets_one_line(file: Path, baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_config.run(file) is Exit.OK
    out, err = capsys.readouterr()
    (line,) = out.splitlines()
    assert line.startswith(f"{file}: OK: 2 sources with 2 files now; baseline ")
    assert line.endswith("; embedder local-1; analysis off; slack off")
    missing, *untaught = err.splitlines()
    assert missing.startswith("warning: source[2].paths = ")
    assert missing.endswith("finds no file now; it is watched for")
    assert [line.split(" which ")[0] for line in untaught] == [
        f"warning: {baseline}: was not learned from {file.parent}/{name}," for name in ("logs/*.log*", "later/*")
    ]


def test_each_sink_is_told_with_its_route_and_its_secret_but_not_the_secrets_value(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"SLACK_WEBHOOK_URL": "https://hooks.slack.example/T0/HIDDEN-1", "OPS_SECRET": "HIDDEN-2"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    file.write_text(
        file.read_text()
        + '[slack]\nmin_severity = "P2"\nservices = ["shop*", "pay"]\n'
        + '[[sink]]\nname = "ops"\ntype = "webhook"\nurl = "https://u:HIDDEN-3@ops.example:8443/HIDDEN-4"\n'
        + 'secret = "ops_secret"\nmin_severity = "P1"\nsources = ["/var/log/nginx/*"]\nservices = ["web"]\n'
        + '[[sink]]\nname = "am"\ntype = "alertmanager"\nurl = "http://127.0.0.1:9093"\n'
        + '[[sink]]\nname = "page"\ntype = "pagerduty"\nsecret = "ops_secret"\n'
        + '[[sink]]\nname = "beep"\ntype = "command"\ncommand = ["/usr/bin/beep", "--key", "HIDDEN-5"]\n'
        + '[[sink]]\nname = "mail"\ntype = "email"\nhost = "mx.example"\nsender = "l@x.example"\nto = ["a@x.example"]\n'
    )
    assert check_config.run(file) is Exit.OK
    out, err = capsys.readouterr()
    assert out.splitlines()[1:] == [
        "sink slack: Slack's webhook; slack_webhook_url is there; gets alerts from P2 up of services shop*, pay",
        "sink ops: webhook at ops.example; ops_secret is there; gets alerts from P1 up of services web and files"
        " /var/log/nginx/*",
        "sink am: alertmanager at 127.0.0.1; needs no secret; gets alerts of every severity",
        "sink page: pagerduty; ops_secret is there; gets alerts of every severity",
        "sink beep: command /usr/bin/beep; needs no secret; gets alerts of every severity",
        "sink mail: e-mail by mx.example:587 (starttls) to a@x.example; needs no secret; gets alerts of every severity",
    ]
    assert "HIDDEN" not in out + err
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-HIDDEN-6")
    file.write_text(file.read_text().replace("[slack]\n", '[slack]\nchannel = "#ops"\n'))
    assert check_config.run(file) is Exit.OK
    out, err = capsys.readouterr()
    assert "sink slack: Slack's bot, channel #ops; slack_bot_token is there; gets alerts from P2 up" in out
    assert "HIDDEN" not in out + err


def test_what_is_muted_is_told_and_what_is_past_is_a_warning(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "utc_now", lambda: datetime(2026, 12, 1, 8, tzinfo=UTC))
    file.write_text(
        file.read_text()
        + '[[mute]]\nfingerprints = ["3f2a91c05b7d8e64", "0123456789abcdef"]\nuntil = 2026-12-01T08:00:01Z\n'
        + '[[mute]]\nservices = ["pay"]\nuntil = 2026-12-01T08:00:00Z\n'
        + '[[mute]]\npattern = "reset by peer"\nservices = ["web*"]\nsources = ["/srv/*"]\nreason = "\\u001b[31m"\n'
    )
    assert check_config.run(file) is Exit.OK
    out, err = capsys.readouterr()
    end = datetime(2026, 12, 1, 8, 0, 1, tzinfo=UTC).astimezone()
    assert out.splitlines()[1:] == [
        f"mute[1]: fingerprints 3f2a91c05b7d8e64, 0123456789abcdef; until {end:%Y-%m-%d %H:%M %Z}",
        "mute[3]: pattern reset by peer and services web* and files /srv/*; for good; \\x1b[31m",
    ]
    assert "warning: mute[2].until = 2026-12-01T08:00:00+00:00: is past; take it out" in err


def test_streams_and_the_journal_are_counted(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(file.parent / "app.fifo")
    file.write_text(
        file.read_text().replace(f"{file.parent}/later/*", f'-", "{file.parent}/app.fifo') + "journal = true\n"
    )
    assert check_config.run(file) is Exit.OK
    out, err = capsys.readouterr()
    assert ": OK: 2 sources with 2 files, 2 streams, the journal now; baseline " in out
    assert "app.fifo" not in err
    monkeypatch.setenv("PATH", str(file.parent))
    assert check_config.run(file) is Exit.OK
    assert "source[2].journal = true: there is no journalctl here; it comes with systemd" in capsys.readouterr().err


def test_a_file_of_two_sources_and_an_unknown_override_are_warned_of(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGWATCHD_EMBEDER", "x")
    (file.parent / "later").symlink_to(file.parent / "logs")
    file.write_text(file.read_text().replace("later/*", "logs/a.log"))
    assert check_config.run(file) is Exit.OK
    err = capsys.readouterr().err
    assert "LOGWATCHD_EMBEDER: names no key" in err
    assert "logs/a.log: found by source[1] and source[2]; the first one has it" in err
    assert len([line for line in err.splitlines() if "was not learned" not in line]) == 2


@ROOT_ONLY
def test_a_file_that_this_user_cannot_read_is_warned_of() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        secret = Path(folder) / "secret.log"
        secret.touch(0o600)
        source = SourceSpec((str(secret),))
        assert check_config.look(source).unreadable == ()
        with nobody():
            match = check_config.look(source)
            (line,) = check_config.warnings([match])
    assert match.unreadable == (str(secret),)
    assert line.startswith(f"{secret}: not readable by user ")


def test_a_folder_in_place_of_files_is_not_taken_for_a_file_to_come(tmp_path: Path) -> None:
    lines = check_config.warnings([check_config.look(SourceSpec((str(tmp_path),)))])
    assert lines == [f"source[1].paths = '{tmp_path}': is a folder; name files or a glob in it"]


@ROOT_ONLY
def test_a_folder_that_this_user_cannot_list_is_warned_of() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with nobody():
            lines = check_config.warnings([check_config.look(SourceSpec((f"{folder}/*.log",)))])
    assert lines[0] == f"source[1].paths = '{folder}/*.log': finds no file now; it is watched for"
    assert lines[1].startswith(f"{folder}: not readable by user ")


def test_every_problem_gets_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("x = 1\n" + file.read_text() + "[slack]\nenabled = true\n")
    assert check_config.run(file) is Exit.CONFIG
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[1] for line in err.splitlines()] == ["x", "slack.enabled = true"]


@pytest.mark.parametrize("wrong", ["", "[slack]\nchanel = 'x'\n", "[embedder]\nprovider = 'openai'\n"])
def test_what_lacks_on_the_machine_is_told_beside_what_is_wrong_in_the_file(
    wrong: str, file: Path, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing baseline hid behind a missing secret or a misspelt key of another table."""
    good = file.read_text().replace(f'"{baseline}"', '"/nowhere/b"\nwarmup = "off"')
    sink = "[[sink]]\nname = 'ops'\ntype = 'pagerduty'\nsecret = 'ops_key'\n"
    file.write_text(f"state_dir = '{file}'\n{good}{sink}{wrong}")
    assert check_config.run(file) is Exit.CONFIG
    told = capsys.readouterr().err.splitlines()
    for part in (
        "sink[1].secret = 'ops_key': needs a secret and there is none",
        "baseline.path = /nowhere/b: no baseline there; learn one with",
        f"state_dir = '{file}': is no folder",
        *(["slack.chanel: unknown key"] if "slack" in wrong else []),
        *(["embedder.provider = openai: needs a secret"] if "embedder" in wrong else []),
    ):
        assert sum(line.startswith(f"{file}: {part}") for line in told) == 1, part
    assert len(told) == 3 + bool(wrong)


def test_an_embedder_that_cannot_be_used_hides_no_baseline(
    file: Path, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file.parent / "b").touch()
    good = file.read_text().replace(str(baseline), f"{file.parent}/b")
    file.write_text(f"{good}[embedder]\nprovider = 'onnx'\nfolder = '{file.parent}'\n")
    assert check_config.run(file) is Exit.CONFIG
    embedder, learned = capsys.readouterr().err.splitlines()
    assert embedder.startswith(f"embedder.folder = '{file.parent}': has no model.onnx")
    assert learned.startswith(f"{file}: baseline.path = {file.parent}/b: not a baseline")


def test_a_wrong_table_leads_to_no_complaint_about_what_depends_on_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text() + "[embedder]\nprovider = 'onx'\n[[mask]]\nname = 'x'\n")
    assert check_config.run(file) is Exit.CONFIG
    told = [line.removeprefix(f"{file}: ").split(" ")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == ["embedder.provider", "mask[1].pattern:"]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("{file}", "is no folder; name one, or one to be made"),
        ("{file}/a/b", "is no folder, for {file} is none; name one, or one to be made"),
        ("/proc/x/state", "cannot be used: /proc is the kernel's (proc) and takes no files; {writable}"),
        ("/proc", "cannot be used: /proc is the kernel's (proc) and takes no files; {writable}"),
        (f"/{UNREACHABLE}", "cannot be used: File name too long; make it a folder that the daemon's user can write"),
    ],
)
def test_a_state_dir_that_cannot_be_one_is_a_problem(
    folder: str, reason: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, reason = (
        folder.format(file=file),
        reason.format(file=file, writable="name a folder that the daemon's user can write"),
    )
    file.write_text(f'state_dir = "{folder}"\n' + file.read_text())
    assert check_config.run(file) is Exit.CONFIG
    assert capsys.readouterr().err == f"{file}: state_dir = '{folder}': {reason}\n"


def test_a_state_dir_on_what_is_mounted_read_only_is_a_problem(
    file: Path, mount: Callable[[Path, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    place = file.parent / "place"
    place.mkdir()
    mount(place, "64k,ro")
    file.write_text(f'state_dir = "{place}/a/b"\n' + file.read_text())
    assert check_config.run(file) is Exit.CONFIG
    assert f"state_dir = '{place}/a/b': cannot be used: {place} is mounted read-only; " in capsys.readouterr().err


def test_a_state_dir_that_is_yet_to_be_made_is_none_and_is_not_made(file: Path) -> None:
    file.write_text(f'state_dir = "{file.parent}/a/b"\n' + file.read_text())
    assert check_config.run(file) is Exit.OK
    assert not (file.parent / "a").exists()


@ROOT_ONLY
def test_a_state_dir_that_this_user_may_not_look_at_is_no_problem() -> None:
    """The daemon's own, most likely."""
    with tempfile.TemporaryDirectory() as folder, nobody():
        assert state_dir_problems(Path(folder) / "state" / "x") == []


def test_a_sinks_program_that_cannot_be_run_is_warned_of(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = file.parent / "plain"
    plain.touch(0o644)
    programs = ("/bin/sh", "/nowhere/beep", str(file.parent), str(plain))
    sinks = (
        f"[[sink]]\nname = 'c{n}'\ntype = 'command'\ncommand = ['{program}', 'HIDDEN']\n"
        for n, program in enumerate(programs)
    )
    file.write_text(file.read_text() + "".join(sinks))
    assert check_config.run(file) is Exit.OK
    told = capsys.readouterr().err
    assert [line for line in told.splitlines() if "sink[" in line] == [
        "warning: sink[2].command = '/nowhere/beep': cannot be run: No such file or directory; name a program that is "
        "there",
        f"warning: sink[3].command = '{file.parent}': is no program; name one",
        f"warning: sink[4].command = '{plain}': may not be run by {user()}; the daemon's user needs to be allowed to",
    ]
    assert "HIDDEN" not in told


def test_without_a_baseline_it_says_that_the_daemon_learns_one(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = file.read_text().splitlines()
    missing = [lines[0], f'path = "{tmp_path}/none"', *lines[2:]]
    file.write_text("\n".join(missing))
    assert check_config.run(file) is Exit.OK
    assert f"no baseline {tmp_path}/none yet: the daemon learns for 24h and then watches" in capsys.readouterr().out
    file.write_text("\n".join([*missing[:2], 'warmup = "off"', *missing[2:]]))
    assert check_config.run(file) is Exit.CONFIG
    assert "no baseline there; learn one with" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no baseline", bytes(1000)])
def test_a_baseline_that_is_none_is_a_problem(
    content: bytes, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(content)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], f'path = "{broken}"', *lines[2:]]))
    assert check_config.run(file) is Exit.CONFIG
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{file}: baseline.path = {broken}: ")


def test_a_terminal_gets_a_table(file: Path) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "logwatchd", "check-config", "--config", str(file)]
    environ = {**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    subprocess.run(command, stdout=end, stderr=subprocess.DEVNULL, env=environ, check=True, timeout=60)
    os.close(end)
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(terminal)
    assert "[web] shop" in shown.decode()
    assert "(from the line)" in shown.decode()
    assert ": OK: 2 sources" in shown.decode()
