"""`logwatchd notify-test` and `logwatchd redact`."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from logwatchd.cli import main
from logwatchd.errors import Exit
from tests.fakes import FakeSlack, Status
from tests.fakes.hook import FakeHook
from tests.parsing.planted import PLANTED

pytestmark = pytest.mark.usefixtures("no_overrides", "logging_restored")


def config_in(folder: Path, extra: str) -> Path:
    file = folder / "logwatchd.toml"
    file.write_text(f'state_dir = "{folder}"\n[[source]]\npaths = ["/var/log/x.log"]\n{extra}')
    return file


def test_a_sample_goes_through_each_sink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeSlack() as slack, FakeHook("/hook") as hook:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.webhook_url)
        monkeypatch.setenv("OPS_SECRET", "of-the-webhook")
        tables = f'[[sink]]\nname = "ops"\ntype = "webhook"\nurl = "{hook.url}/hook"\nsecret = "ops_secret"\n'
        tables += 'min_severity = "P1"\n'
        file = config_in(tmp_path, tables)
        assert main(["notify-test", "--config", str(file)]) == Exit.OK
        assert [len(slack.requests), len(hook.requests)] == [1, 1]
        assert hook.history[0]["alert"]["line"].startswith("this is a test")
        hook.enqueue(Status(401))
        assert main(["notify-test", "--config", str(file)]) == Exit.FAILED
    said = capsys.readouterr()
    assert "slack: taken\nops: taken" in said.out
    assert "ops: ops says 401" in said.err
    assert "of-the-webhook" not in said.out + said.err


def test_a_sink_without_its_secret_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config_in(tmp_path, '[[sink]]\nname = "pd"\ntype = "pagerduty"\nsecret = "pd_key"\n')
    assert main(["notify-test", "--config", str(file)]) == Exit.CONFIG
    assert "sink[1].secret = 'pd_key': needs a secret and there is none" in capsys.readouterr().err


def test_what_would_leave_is_shown_and_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config_in(tmp_path, "[[redact]]\nname = \"customer\"\npattern = 'CUST-\\d{6}'\n")
    log = tmp_path / "x.log"
    log.write_text("CUST-123456 user=anna paid\n" + "".join(f"{line}\n" for line, _ in PLANTED))
    assert main(["redact", "--config", str(file), str(log)]) == Exit.OK
    shown = capsys.readouterr().out
    assert [secret for _, secret in PLANTED if secret in shown and len(secret) > 5] == []
    name = re.search(r"<(user-[0-9a-f]{8})> paid", shown)
    assert name is not None
    assert main(["redact", "--config", str(file), "--find", name[1], str(log)]) == Exit.OK
    assert capsys.readouterr().out == "anna\n"
    assert main(["redact", "--config", str(file), "--find", "user-00000000", str(log)]) == Exit.ANOMALY
    assert main(["redact", "--config", str(file), str(tmp_path / "none")]) == Exit.USAGE
    assert "none: cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(("ending", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_compressed_file_is_unpacked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, compress: Callable[[bytes], bytes]
) -> None:
    config, log = str(config_in(tmp_path, "")), tmp_path / "x.log"
    log.write_text("".join(f"user={name} paid\n" for name in ("anna", "bob")))
    packed = tmp_path / f"x.log.{ending}"
    packed.write_bytes(compress(log.read_bytes()))
    assert main(["redact", "--config", config, str(log)]) == Exit.OK
    shown = capsys.readouterr().out
    assert main(["redact", "--config", config, str(packed)]) == Exit.OK
    assert capsys.readouterr().out == shown
    name = re.search(r"user-[0-9a-f]{8}", shown)
    assert name is not None
    assert main(["redact", "--config", config, "--find", name[0], str(packed)]) == Exit.OK
    assert capsys.readouterr().out == "anna\n"


@pytest.mark.parametrize("options", [[], ["--embedded"]], ids=["", "embedded"])
def test_of_a_damaged_file_what_can_be_unpacked_is_redacted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    config, random = str(config_in(tmp_path, "")), Random(1)
    words = ["".join(random.choices("bcdfghklmnprst", k=30)) for _ in range(300)]
    packed = tmp_path / "cut.gz"
    packed.write_bytes(gzip.compress("".join(f"ERROR {word}\n" for word in words).encode())[:-50])
    assert main(["redact", "--config", config, *options, str(packed)]) == Exit.USAGE
    said = capsys.readouterr()
    assert 290 < len(said.out.splitlines()) < 300
    assert "cut.gz: cannot be read: Compressed file ended before" in said.err


def test_a_line_without_an_end_is_cut_where_the_daemon_cuts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "x.log"
    log.write_text("x" * (5 << 20) + " user=anna\nuser=anna\n")
    assert main(["redact", "--config", str(config_in(tmp_path, "")), str(log)]) == Exit.OK
    first, second = capsys.readouterr().out.splitlines()
    assert first == "x" * (1 << 20)
    assert second.startswith("user=<user-")


def test_what_an_embedding_service_would_get_is_shown_once_a_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = (
        '[[redact]]\nname = "customer"\npattern = \'CUST-[a-z]+\'\n[[mask]]\nname = "shard"\npattern = "shard-[a-z]"\n'
    )
    file = config_in(tmp_path, rules)
    log = tmp_path / "x.log"
    log.write_text(
        "".join(f"ERROR user {name} of CUST-{name} from 10.0.0.7\n" for name in ("anna", "bob")) + "DEBUG x\nshard-a\n"
    )
    assert main(["redact", "--config", str(file), "--embedded", str(log)]) == Exit.OK
    assert (
        capsys.readouterr().out
        == "ERROR user anna of <customer> from <IP>\nERROR user bob of <customer> from <IP>\n<MASKED>\n"
    )
    log.write_text("".join(f"ERROR invalid user {name} from 10.0.0.7\n" for name in ("anna", "bob")))
    assert main(["redact", "--config", str(file), "--embedded", str(log)]) == Exit.OK
    assert capsys.readouterr().out == "ERROR invalid user <user> from <IP>\n"
    assert main(["redact", "--embedded", "--find", "user-00000000", str(log)]) == Exit.USAGE
