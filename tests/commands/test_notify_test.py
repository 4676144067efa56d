"""`logwatchd notify-test` says nothing in Claude's name, with a key or without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from logwatchd.cli import main
from logwatchd.errors import Exit
from tests.fakes.hook import FakeHook

pytestmark = pytest.mark.usefixtures("no_overrides", "logging_restored")


@pytest.mark.parametrize("key", [None, "sk-ant-test"])
def test_the_journal_gets_what_the_daemon_writes_of_an_incident(
    key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if key:
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    monkeypatch.setenv("OPS_SECRET", "of-the-webhook")
    file = tmp_path / "logwatchd.toml"
    with FakeHook("/hook") as hook:
        table = f'[[sink]]\nname = "ops"\ntype = "webhook"\nurl = "{hook.url}/hook"\nsecret = "ops_secret"\n'
        file.write_text(f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["/var/log/x.log"]\n{table}')
        assert main(["notify-test", "--config", str(file)]) == Exit.OK
        (told,) = hook.history
    assert told["analysis"] is None
    said = capfd.readouterr()
    assert "Claude" not in said.out + said.err
    assert "P4-Low logwatchd-test score 1.00 over 0.50: this is a test of logwatchd's alerts" in said.out + said.err
    assert "journal: taken\nops: taken\n" in said.out
