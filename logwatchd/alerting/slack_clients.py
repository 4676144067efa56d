"""slack_sdk's own clients, except that they take an answer of bounded size, in time, or not at all.

Both send what they have made in one method; that one is another here. None of its answers is an HTTPError.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackRequestError
from slack_sdk.webhook import WebhookClient, WebhookResponse

from logwatchd.alerting.exchange import Reply, exchange
from logwatchd.errors import RetryableError

_MAX_ANSWER_BYTES = 1 << 20  # it repeats the message, and that has 50 blocks of 3,000 characters at the most


class BoundedWebhook(WebhookClient):
    """One webhook; `timeout` is for a whole answer."""

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        answer = _ask(url, req, self.timeout, self.proxy)
        return WebhookResponse(url=url, status_code=answer.status, body=answer.text(), headers=dict(answer.headers))


class BoundedWebClient(WebClient):
    """The Web API; `timeout` is for a whole answer."""

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        answer = _ask(url, req, self.timeout, self.proxy)
        text = answer.text()
        if answer.status == 200 and not _is_json(text):  # the client would take it for a refusal
            raise RetryableError("Slack's answer is 200 and no JSON")
        return {"status": answer.status, "headers": dict(answer.headers), "body": text}


def _ask(url: str, request: Request, timeout_s: float, proxy: str | None) -> Reply:
    if not url.lower().startswith("http"):  # urllib opens files as well
        raise SlackRequestError("the address is not one of the web")
    return exchange(request, timeout_s, _MAX_ANSWER_BYTES, proxy)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
