"""Nothing that is to be redacted goes to an embedding service, whoever asks it: the daemon, or a command."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.process import Daemon
from tests.daemon.test_embedding import counters
from tests.fakes.openai import FakeOpenAI
from tests.parsing.planted import PLANTED, left_of
from tests.scoring.making import NORMAL, block_of

pytestmark = pytest.mark.slow

CONFIG = """threshold = 0.01
[embedder]
provider = "openai"
max_wait_ms = 20
daily_usd = 0.0000001
{more}
[[redact]]
name = "customer"
pattern = "CUST-[a-z]+"
[incidents]
group_by = "none"
max_alerts_per_hour = 0
"""
CUSTOMER = "CUST-prefect"
BUDGET = "daily_usd = 0.0000001\n"


def test_no_planted_secret_is_in_any_request_and_each_text_is_sent_once(service: FakeOpenAI, tmp_path: Path) -> None:
    """A hundred of them: learned from, scanned, explained, rebuilt, and met by the daemon, also after a restart."""
    lines = [f"ERROR {line}" for line, _ in PLANTED if "\n" not in line]
    known, new = lines[::2], lines[1::2]
    texts = CONFIG.replace(BUDGET, "").format(more="")
    env = service.env
    with Daemon(tmp_path, texts, env) as daemon:
        daemon.state.mkdir()
        daemon.learn([*NORMAL * 100, *known, f"INFO {CUSTOMER} paid"])
        met = tmp_path / "met.txt"
        met.write_bytes(block_of([*new, f"ERROR {CUSTOMER} was sent CUST-arthur"]))
        daemon.log.touch()
        daemon.start()
        daemon.append(*met.read_text().splitlines())
        daemon.wait(lambda: counters(daemon)["lines"] == len(new) + 1, "the verdicts", 60)
        assert len(daemon.alerted()) > 10
        assert daemon.stop() == 0
        judged = Counter(service.answered)
        assert max(judged.values()) == 1
        scanned = daemon.command("scan", "--baseline", daemon.baseline, "--config", daemon.config, met)
        assert scanned.returncode == 1, scanned.stderr
        assert Counter(service.answered) == judged  # all of it was kept
        explain = ("explain", "--baseline", daemon.baseline, "--config", daemon.config, "--json")
        explained = daemon.command(*explain, "ERROR the password is JdEDjSFpFxyz today")
        assert json.loads(explained.stdout)["differs"], explained.stderr
        moved = ("--output", tmp_path / "moved", "--embedder", "openai:another", "--config", daemon.config)
        rebuilt = daemon.command("baseline", "rebuild", daemon.baseline, *moved)
        assert rebuilt.returncode == 0, rebuilt.stderr
        told = rebuilt.stderr
    sent = [text for body in service.history for text in body["input"]]
    assert [text for text in sent if "CUST-" in text or "JdED" in text] == []
    assert sum("<customer>" in text for text in sent) >= 3
    long = [secret for _, secret in PLANTED if len(secret) >= 6]
    assert [secret for secret in long if secret in "\n".join(sent)] == []
    assert [secret for secret in (*long, "CUST-") if secret in str(daemon.entries)] == []
    safe = {
        part
        for _, secret in PLANTED
        for text in (*lines, *NORMAL)
        for part in left_of(secret, text)
        if secret not in text
    }
    assert [part for _, secret in PLANTED for part in left_of(secret, "\n".join(sent)) if part not in safe] == []
    assert max(Counter((body["model"], text) for body in service.history for text in body["input"]).values()) == 1
    assert "openai:another+redacted" in told
    assert "tokens, at a price that is not known" in told


def test_what_a_command_asks_is_told_with_its_price_and_counts_for_the_day(service: FakeOpenAI, tmp_path: Path) -> None:
    env = service.env
    with Daemon(tmp_path, CONFIG.format(more=""), env) as daemon:
        daemon.state.mkdir()
        good = tmp_path / "good.txt"
        good.write_bytes(block_of(NORMAL * 100))
        build = ("baseline", "build", "--output", daemon.baseline, "--config", daemon.config, good)
        built = daemon.command(*build)
        assert built.returncode == 0
        assert "openai:text-embedding-3-small+redacted: " in built.stderr
        assert " tokens, about $0.0000" in built.stderr
        assert "embedder.daily_usd is 1e-07: the daemon asks for nothing new before midnight (UTC)" in built.stderr
        again = daemon.command(*build)
        assert " tokens, " not in again.stderr  # it asked for nothing
        good.write_bytes(block_of(["ERROR something else has failed"]))
        scanned = daemon.command("scan", "--baseline", daemon.baseline, "--config", daemon.config, good)
        assert " tokens, about $" in scanned.stderr
