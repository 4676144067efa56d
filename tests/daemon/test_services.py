"""`logwatchd run` as a real process, and the services that it asks and tells: embeddings, Claude, Slack."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import Daemon
from tests.fakes.claude import WORDS, FakeClaude
from tests.fakes.openai import FakeOpenAI
from tests.fakes.server import Hang, Status
from tests.fakes.slack import FakeSlack
from tests.helpers import wait_until
from tests.scoring.making import FAULT, NORMAL

pytestmark = pytest.mark.slow


@pytest.fixture
def embedding(service: FakeOpenAI, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon at work that asks `service` for embeddings."""
    with Daemon(tmp_path, '[embedder]\nprovider = "openai"\nmax_wait_ms = 0\n', service.env) as daemon:
        daemon.learn()
        daemon.log.touch()
        daemon.start()
        yield daemon


@pytest.fixture
def hanging(embedding: Daemon, service: FakeOpenAI) -> Daemon:
    """The same, with a new line, and without an answer about it."""
    asked = len(service.requests)
    service.enqueue(Hang())
    embedding.append(FAULT)
    wait_until(lambda: len(service.requests) > asked, what="the request that hangs")
    return embedding


def test_a_second_signal_that_is_no_echo_of_the_first_ends_it_at_once(hanging: Daemon) -> None:
    hanging.send(signal.SIGTERM)
    hanging.wait(lambda: "STOPPING=1" in hanging.notified, "the shutdown")

    def ended() -> bool:
        hanging.send(signal.SIGTERM)
        return hanging.process is not None and hanging.process.poll() is not None

    wait_until(ended)
    assert hanging.stop(signal.SIGTERM) == 128 + signal.SIGTERM


def test_the_whole_chain_with_all_three_services(tmp_path: Path) -> None:
    with FakeOpenAI(dimensions=64) as openai, FakeClaude() as claude, FakeSlack() as slack:
        env = {
            "OPENAI_API_KEY": "sk-openai-secret",
            "OPENAI_BASE_URL": openai.url + "/v1",
            "ANTHROPIC_API_KEY": "sk-ant-secret",
            "ANTHROPIC_BASE_URL": claude.url,
            "SLACK_WEBHOOK_URL": slack.webhook_url,
        }
        patient = "[analysis]\nalert_within_s = 60\n"  # on a busy machine too there is one message, with all in it
        with Daemon(tmp_path, f'[embedder]\nprovider = "openai"\nmax_wait_ms = 20\n{patient}', env) as daemon:
            daemon.learn()
            learned = len(openai.history)
            daemon.log.touch()
            daemon.start()
            daemon.append(*NORMAL, FAULT, *NORMAL, FAULT)
            wait_until(lambda: slack.history, what="the Slack message")
            assert daemon.stop() == 0
        texts = [text for body in openai.history[learned:] for text in body["input"]]
        assert texts == ["ERROR sqlite<N>.OperationalError: database is locked"]  # known lines cost nothing
        (question,) = claude.history
        assert question["model"] == "claude-opus-4-6"
        assert question["max_tokens"] == 500
        asked = str(question)
        assert FAULT in asked
        assert NORMAL[-1] in asked  # the line before it
        (message,) = slack.history
        shown = str(message)
        assert "database is locked" in shown
        assert WORDS["likely_cause"] in shown
        assert "P2-High" in shown
        said = str(daemon.entries)
        assert not re.search(r"sk-openai-secret|sk-ant-secret|secretsecretsecret", said)


def test_embeddings_that_fail_hold_lines_back_and_lose_none(service: FakeOpenAI, embedding: Daemon) -> None:
    service.enqueue(Status(500), Status(429, headers={"Retry-After": "0"}), *[Status(503)] * 4)
    embedding.append(FAULT)
    embedding.wait(lambda: embedding.events("EMBEDDING_AWAY_WAIT"), "the trouble being said")
    embedding.append(*NORMAL, file=embedding.logs / "other.log")
    embedding.wait(lambda: embedding.alerted() == [FAULT], "the alert after the outage")
    assert embedding.stop() == 0
    assert len(embedding.events("EMBEDDING_AWAY_WAIT")) == 1
    assert len(embedding.events("EMBEDDING_RECOVERED")) == 1
    assert embedding.events("STOPPED")[0]["lines"] == 1 + len(NORMAL)


def test_it_stops_in_time_when_a_service_hangs_and_judges_the_line_later(hanging: Daemon) -> None:
    assert hanging.stop(timeout_s=25) == 0
    assert hanging.events("STOPPED")[0]["drained"] is True  # kept on the disk
    hanging.start()
    hanging.wait(lambda: hanging.alerted() == [FAULT], "the alert after the restart")
    assert hanging.stop() == 0


def test_an_answer_that_is_slow_to_come_is_no_hang(tmp_path: Path) -> None:
    with FakeClaude() as claude:
        env = {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": claude.url, "WATCHDOG_USEC": "1000000"}
        with Daemon(tmp_path, "", env) as daemon:
            daemon.learn()
            daemon.log.touch()
            daemon.start()
            slow = Hang()
            claude.enqueue(slow)
            daemon.append(FAULT)
            daemon.wait(lambda: claude.requests, "the request that hangs")
            before = daemon.notified.count("WATCHDOG=1")
            daemon.wait(lambda: daemon.notified.count("WATCHDOG=1") >= before + 6, "signs of life of three seconds")
            assert not daemon.events("STAGE_HANGS")
            slow.until.set()
            assert daemon.stop() == 0


def test_the_status_tells_what_refuses_alerts_and_how_many_wait(tmp_path: Path) -> None:
    with FakeSlack() as slack, FakeClaude() as claude:
        env = {"SLACK_WEBHOOK_URL": slack.webhook_url, "ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": claude.url}
        with Daemon(tmp_path, "", env) as daemon:
            daemon.learn()
            daemon.log.touch()
            daemon.start()
            slack.enqueue(Status(404, "no_service"))
            claude.enqueue(Status(401))
            daemon.append(FAULT)
            daemon.wait(
                lambda: any("slack refuses, analysis refuses, 1 alert to deliver" in line for line in daemon.notified),
                "the status",
            )
            assert daemon.stop() == 0
