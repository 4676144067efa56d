"""Slack through an incoming webhook and the slack_sdk client."""

from __future__ import annotations

import http.client
import logging
import urllib.error
from typing import TYPE_CHECKING

from pydantic import SecretStr

from logwatchd.alerting.sink import Message
from logwatchd.alerting.slack_blocks import blocks_of, fallback_of
from logwatchd.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from slack_sdk.webhook import WebhookClient, WebhookResponse

TIMEOUT_S = 10
_PACE_S = 1.0
_MEND = "mend the slack_webhook_url credential or SLACK_WEBHOOK_URL, then reload"
_REASONS = {
    "no_service": "the webhook was removed or never was",
    "no_active_hooks": "the webhook was disabled",
    "no_team": "the workspace is gone",
    "team_disabled": "the workspace is disabled",
    "invalid_token": "the webhook's address is wrong",
    "action_prohibited": "the workspace's administrator forbids it",
    "channel_not_found": "its channel is gone",
    "channel_is_archived": "its channel is archived",
    "user_not_found": "its user is gone",
}
_WITHOUT_BLOCKS = 400


class SlackSink:
    """Posts to one webhook: one message a second at the most. What the client logs itself is silenced: it names the
    webhook's address, which is a secret."""

    name = "slack"
    pace_s = _PACE_S

    def __init__(self, webhook_url: SecretStr) -> None:
        self._webhook_url = webhook_url

    def deliver(self, message: Message) -> None:
        """See `Sink.deliver`. A message whose blocks Slack refuses is sent as plain text instead."""
        client = self._client()
        text = fallback_of(message)
        answer = _send(client, text, blocks=True, message=message)
        if answer.status_code == _WITHOUT_BLOCKS:
            answer = _send(client, text, blocks=False, message=message)
        _judge(answer)

    def _client(self) -> WebhookClient:
        from slack_sdk.webhook import WebhookClient

        silent = logging.Logger("slack", logging.CRITICAL + 1)
        # The worker pool retries by itself: it can meanwhile analyse other alerts.
        return WebhookClient(self._webhook_url.get_secret_value(), timeout=TIMEOUT_S, logger=silent, retry_handlers=[])


def _send(client: WebhookClient, text: str, *, blocks: bool, message: Message) -> WebhookResponse:
    try:
        return client.send(
            text=text, blocks=blocks_of(message) if blocks else None, unfurl_links=False, unfurl_media=False
        )
    except (UnicodeEncodeError, http.client.InvalidURL):
        raise PermanentError(f"the webhook's address holds a character that no address has; {_MEND}") from None
    # UnicodeError, LookupError: a proxy between us and Slack answers in no known charset.
    except (OSError, http.client.HTTPException, UnicodeError, LookupError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        raise RetryableError(f"no answer from Slack ({type(cause).__name__})") from None


def _judge(answer: WebhookResponse) -> None:
    """Nothing where Slack took the message.

    Raises:
        RetryableError: limits, Slack's own trouble, or an answer that Slack does not give: something is in between.
        PermanentError: the webhook is refused.
    """
    status, body = answer.status_code, answer.body.strip()
    if status == 200 and body == "ok":
        return
    if status == 429:
        raise RetryableError("Slack says 429, too many messages", _seconds(answer))
    if status in (400, 401, 403, 404, 410):
        reason = _REASONS.get(body, "the webhook's address is wrong or disabled")
        raise PermanentError(f"Slack says {status}: {reason}; {_MEND}")
    raise RetryableError(f"Slack's answer is {status} and not 'ok'", _seconds(answer))


def _seconds(answer: WebhookResponse) -> float | None:
    for name, value in answer.headers.items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value))
            except ValueError:
                return None
    return None
