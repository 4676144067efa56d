"""Answers of services that are longer than any that makes sense: nobody reads all of one into memory."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from logwatchd.alerting.analysis import Analyst
from logwatchd.alerting.http_sinks import WebhookSink
from logwatchd.alerting.slack import SlackBotSink, SlackSink
from logwatchd.config_alerting import AnalysisSettings
from logwatchd.errors import RetryableError
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from tests.alerting.at_work import in_time
from tests.alerting.builders import ANTHROPIC_KEY, alert, message
from tests.fakes import Drip, FakeClaude, FakeOpenAI, FakeSlack, Garbage, Huge, Reply
from tests.fakes.claude import WORDS
from tests.fakes.claude import message as answer_of
from tests.fakes.hook import FakeHook
from tests.fakes.server import Answer, FakeService
from tests.fakes.slack import FakeSlackApi

SECRET = SecretStr("sink-secret-0123456789")
BUFFERS_MIB = 16  # what the kernel takes of a sender for a receiver that has gone


@contextmanager
def claude() -> Iterator[tuple[FakeService, Callable[[], object]]]:
    with FakeClaude() as fake:
        settings = AnalysisSettings.model_validate({"base_url": fake.url})
        yield fake, lambda: Analyst(settings, SecretStr(ANTHROPIC_KEY)).analyse(alert(), 20)


@contextmanager
def embedder() -> Iterator[tuple[FakeService, Callable[[], object]]]:
    with FakeOpenAI(dimensions=64) as fake:
        service = Service("small", fake.url + "/v1", timeout_s=20, batch_size=1)
        yield fake, lambda: OpenAIEmbedder(service, SecretStr("sk-test")).embed(["alpha"])


@contextmanager
def slack() -> Iterator[tuple[FakeService, Callable[[], object]]]:
    with FakeSlack() as fake:
        yield fake, lambda: SlackSink(SecretStr(fake.webhook_url)).deliver(message())


@contextmanager
def slack_bot() -> Iterator[tuple[FakeService, Callable[[], object]]]:
    with FakeSlackApi() as fake:
        yield fake, lambda: SlackBotSink(SecretStr("xoxb-loopback"), "#alerts", fake.url + "/api/").deliver(message())


@contextmanager
def webhook() -> Iterator[tuple[FakeService, Callable[[], object]]]:
    with FakeHook("/hook") as fake:
        yield fake, lambda: WebhookSink("ops", fake.url + "/hook", SECRET).deliver(message())


@pytest.mark.parametrize("code", [200, 503])
@pytest.mark.parametrize("client", [claude, embedder, slack, slack_bot, webhook], ids=lambda client: client.__name__)
def test_what_is_too_long_is_not_read_to_its_end(client: Callable[[], object], code: int) -> None:
    huge = Huge(code)
    with client() as (fake, ask):  # type: ignore[attr-defined]
        fake.enqueue(huge)
        if client is webhook and code == 200:  # its status says that it was taken
            in_time(ask)
        else:
            with pytest.raises(RetryableError) as caught:
                in_time(ask)
            assert "\n" not in str(caught.value)
        assert len(huge.taken) < BUFFERS_MIB
        ask()  # and the next answer is taken


def packed(raw: bytes, coding: str = "gzip") -> Answer:
    return Garbage(gzip.compress(raw), headers={"Content-Encoding": coding})


@pytest.mark.parametrize("client", [claude, embedder], ids=lambda client: client.__name__)
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (packed(b" " * (64 << 20)), r"an answer of more than [\d,]+ bytes"),
        (packed(packed(b" " * (64 << 20)).raw, "gzip, gzip"), "an answer packed as 'gzip, gzip'"),  # type: ignore[union-attr]
        (packed(b"{}", "br"), "an answer packed as 'br', which nobody asked for"),
    ],
    ids=["packed", "packed twice", "packed in another way"],
)
def test_what_is_too_long_when_it_is_unpacked_is_not_unpacked(
    client: Callable[[], object], answer: Answer, says: str
) -> None:
    with client() as (fake, ask):  # type: ignore[attr-defined]
        fake.enqueue(answer)
        with pytest.raises(RetryableError, match=says):
            ask()


def test_what_is_packed_as_asked_for_is_taken() -> None:
    with claude() as (fake, ask):
        fake.enqueue(packed(json.dumps(answer_of(json.dumps(WORDS))).encode()))
        assert ask()
        assert fake.requests[0].headers["accept-encoding"] == "gzip"


def test_a_long_answer_with_as_many_vectors_as_were_asked_for_is_taken() -> None:
    """Written with as many characters as Python gives, and indented; 3,072 numbers for each of 200 texts."""
    texts = [f"text {number}" for number in range(200)]
    numbers = [-0.006929283495992422] * 3072
    data = [{"object": "embedding", "index": index, "embedding": numbers} for index in range(len(texts))]
    written = json.dumps({"object": "list", "data": data, "model": "small"}, indent=6)
    with FakeOpenAI() as fake:
        fake.enqueue(Garbage(written.encode()))
        embedder = OpenAIEmbedder(Service("small", fake.url + "/v1", timeout_s=60), SecretStr("sk-test"))
        assert embedder.embed(texts).shape == (200, 3072)
    assert len(written) > 20 << 20


def test_claude_has_no_longer_for_a_body_than_for_a_silence() -> None:
    with FakeClaude() as fake:
        fake.enqueue(Drip(0.02))
        settings = AnalysisSettings.model_validate({"base_url": fake.url})
        with pytest.raises(RetryableError, match="ReadTimeout"):
            in_time(lambda: Analyst(settings, SecretStr(ANTHROPIC_KEY)).analyse(alert(), 0.3))


def test_a_webhook_over_tls_has_its_time_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    named = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *named], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr("logwatchd.alerting.http_sinks.TIMEOUT_S", 1.0)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate, key)
    with FakeHook("/hook") as hook:
        hook._server.socket = secure.wrap_socket(hook._server.socket, server_side=True)
        sink = WebhookSink("ops", hook.url.replace("http://127.0.0.1", "https://localhost") + "/hook", SECRET)
        sink.deliver(message())
        hook.enqueue(Reply({"ok": "x" * 10_000}), Drip(), Drip(head=True))
        sink.deliver(message())
        for _ in range(2):
            with pytest.raises(RetryableError, match="TimeoutError"):
                in_time(lambda: sink.deliver(message()))
        assert len(hook.requests) == 4
