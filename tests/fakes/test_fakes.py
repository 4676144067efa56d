"""The real SDKs accept what the fakes say, and see each misbehaviour as what it stands for."""

from __future__ import annotations

import contextlib
import http.client
import threading

import anthropic
import numpy as np
import openai
import pytest
from pydantic import BaseModel
from slack_sdk.webhook import WebhookClient

from tests.fakes import Drip, FakeClaude, FakeOpenAI, FakeSlack, Garbage, Hang, Reset, Status, Torn
from tests.fakes.claude import WORDS
from tests.fakes.openai import vector


class Words(BaseModel):
    likely_cause: str
    severity: str
    suggested_action: str


def ask(fake: FakeClaude, timeout_s: float = 60.0) -> Words | None:
    with anthropic.Anthropic(api_key="k", base_url=fake.url, max_retries=0, timeout=timeout_s) as client:
        message = client.messages.parse(
            model="claude-opus-4-6",
            max_tokens=500,
            messages=[{"role": "user", "content": "why?"}],
            output_format=Words,
        )
        return message.parsed_output


def test_claude_answers_through_the_real_client() -> None:
    with FakeClaude() as fake:
        assert ask(fake) == Words(**WORDS)
        assert fake.history[0]["output_config"]["format"]["type"] == "json_schema"
        assert fake.requests[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Status(401), anthropic.AuthenticationError),
        (Status(429, headers={"retry-after": "7"}), anthropic.RateLimitError),
        (Status(529), anthropic.InternalServerError),
        (Hang(), anthropic.APITimeoutError),
        (Reset(), anthropic.APIConnectionError),
        (Torn(), anthropic.APIConnectionError),
    ],
)
def test_claude_misbehaves_on_command(answer: Status | Hang | Reset | Torn, error: type[Exception]) -> None:
    with FakeClaude() as fake:
        fake.enqueue(answer)
        with pytest.raises(error):
            ask(fake, 0.5 if isinstance(answer, Hang) else 60.0)
        assert ask(fake) is not None


def test_openai_embeds_through_the_real_client() -> None:
    with (
        FakeOpenAI(64) as fake,
        openai.OpenAI(api_key="k", base_url=fake.url + "/v1", max_retries=0, timeout=60) as client,
    ):
        data = client.embeddings.create(model="text-embedding-3-small", input=["disk full", "all well"]).data
        assert np.allclose(data[1].embedding, vector("all well", 64))
        fake.enqueue(Status(401))
        with pytest.raises(openai.AuthenticationError):
            client.embeddings.create(model="text-embedding-3-small", input=["x"])


def test_slack_says_ok_or_names_the_limit() -> None:
    with FakeSlack() as fake:
        client = WebhookClient(fake.webhook_url, timeout=60)
        assert client.send(text="hello").body == "ok"
        long = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
        assert client.send(text="hello", blocks=[long]).body == "invalid_blocks"
        assert WebhookClient(fake.url + "/services/wrong", timeout=60).send(text="x").status_code == 404
        fake.enqueue(Garbage())
        assert client.send(text="hello").body.startswith("<html>")


def test_a_drip_defeats_read_timeouts_until_the_server_closes() -> None:
    ended = threading.Event()

    def send(url: str) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            WebhookClient(url, timeout=3, retry_handlers=[]).send(text="hello")
        ended.set()

    with FakeSlack() as fake:
        fake.enqueue(Drip())
        threading.Thread(target=send, args=(fake.webhook_url,), daemon=True).start()
        assert not ended.wait(4)
    assert ended.wait(60)
