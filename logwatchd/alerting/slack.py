"""Slack through the slack_sdk client: an incoming webhook, or a bot's token, whose messages take replies."""

from __future__ import annotations

import http.client
import logging
import urllib.error
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from logwatchd.alerting.message import Digest, Kind, Message
from logwatchd.alerting.sink import MessageRefusedError
from logwatchd.alerting.slack_blocks import fallback_of, parts_of
from logwatchd.alerting.text import clip
from logwatchd.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from slack_sdk.webhook import WebhookClient, WebhookResponse

TIMEOUT_S = 10  # for a whole answer
_PACE_S = 1.0
_MEND_WEBHOOK = "mend the slack_webhook_url credential or SLACK_WEBHOOK_URL, then reload"
_MEND_BOT = "mend the slack_bot_token credential or SLACK_BOT_TOKEN, or slack.channel, then reload"
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
_BOT_REASONS = {
    "invalid_auth": "the token is wrong",
    "not_authed": "the token is wrong",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "account_inactive": "the bot's account is gone",
    "missing_scope": "the token lacks the scope chat:write",
    "channel_not_found": "there is no such channel, or the bot cannot see it",
    "not_in_channel": "the bot is not in the channel: invite it",
    "is_archived": "the channel is archived",
    "restricted_action": "the workspace's administrator forbids it",
}
_WITHOUT_BLOCKS = 400
_BAD_BLOCKS = {"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_too_long", "invalid_arguments"}
_NO_REPLIES = {"cannot_reply_to_message", "restricted_action_thread_locked", "thread_not_found", "message_not_found"}
_BUSY = {"ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error", "request_timeout"}


class SlackSink:
    """Posts to one webhook: one message a second at the most. What the client logs itself is silenced: it names the
    webhook's address, which is a secret."""

    name = "slack"
    pace_s = _PACE_S

    def __init__(self, webhook_url: SecretStr) -> None:
        self._webhook_url = webhook_url

    def wants(self, kind: Kind) -> bool:
        """A webhook's messages take no replies: that an incident is over would be one more message for nothing."""
        return kind is not Kind.RESOLVED

    def deliver(self, message: Message | Digest) -> None:
        """See `Sink.deliver`. A message whose blocks Slack refuses is sent as plain text instead."""
        client = self._client()
        answer = _send(client, message, blocks=True)
        if answer.status_code == _WITHOUT_BLOCKS:
            answer = _send(client, message, blocks=False)
        _judge(answer)

    def _client(self) -> WebhookClient:
        from logwatchd.alerting.slack_clients import BoundedWebhook

        # The couriers retry by themselves: they can meanwhile serve other sinks.
        return BoundedWebhook(
            self._webhook_url.get_secret_value(), timeout=TIMEOUT_S, logger=_silent(), retry_handlers=[]
        )


class SlackBotSink:
    """Posts to one channel as a bot, by chat.postMessage: what follows an alert is a reply to it."""

    name = "slack"
    pace_s = _PACE_S

    def __init__(self, token: SecretStr, channel: str, base_url: str | None) -> None:
        self._token = token
        self._channel = channel
        self._base_url = base_url

    def wants(self, kind: Kind) -> bool:
        return True

    def deliver(self, message: Message | Digest) -> str | None:
        """See `Sink.deliver`. The receipt is the message's time stamp, by which Slack knows it.

        Where its thread was closed or deleted, a reply goes into the channel.
        """
        thread = message.receipt if isinstance(message, Message) and message.kind is not Kind.ALERT else None
        answer = self._post(message, thread, blocks=True)
        if thread is not None and answer.get("error") in _NO_REPLIES:
            thread = None
            answer = self._post(message, thread, blocks=True)
        if answer.get("error") in _BAD_BLOCKS:
            answer = self._post(message, thread, blocks=False)
        error = answer.get("error")
        if error is None:
            return str(answer.get("ts") or "") or None
        if error in _BUSY:
            raise RetryableError(f"Slack says {error}")
        if error in _BAD_BLOCKS:
            raise MessageRefusedError(f"Slack says {error} to this message, also as plain text")
        raise PermanentError(
            f"Slack says {error}: {_BOT_REASONS.get(str(error), 'the message is refused')}; {_MEND_BOT}"
        )

    def _post(self, message: Message | Digest, thread: str | None, *, blocks: bool) -> Mapping[str, Any]:
        """Slack's answer, with `error` where it refuses."""
        from slack_sdk.errors import SlackApiError, SlackClientError

        from logwatchd.alerting.slack_clients import BoundedWebClient

        options: dict[str, Any] = {"base_url": self._base_url.rstrip("/") + "/"} if self._base_url else {}
        client = BoundedWebClient(
            self._token.get_secret_value(), timeout=TIMEOUT_S, logger=_silent(), retry_handlers=[], **options
        )
        body: dict[str, Any] = {"channel": self._channel, "thread_ts": thread, "unfurl_links": False}
        if blocks:
            body |= parts_of(message)
        try:
            found = client.chat_postMessage(text=fallback_of(message), unfurl_media=False, **body).data
            return found if isinstance(found, dict) else {"error": "internal_error"}
        except SlackApiError as error:
            if error.response.status_code == 429:
                raise RetryableError("Slack says 429, too many messages", _seconds(error.response.headers)) from None
            if error.response.status_code >= 500:
                raise RetryableError(f"Slack says {error.response.status_code}") from None
            found = error.response.data
            return found if isinstance(found, dict) and "error" in found else {"error": "internal_error"}
        except (OSError, http.client.HTTPException, UnicodeError, LookupError, SlackClientError, ValueError) as error:
            raise RetryableError(f"no answer from Slack ({type(_cause(error)).__name__})") from None


def _silent() -> logging.Logger:
    return logging.Logger("slack", logging.CRITICAL + 1)


def _send(client: WebhookClient, message: Message | Digest, *, blocks: bool) -> WebhookResponse:
    parts: dict[str, Any] = parts_of(message) if blocks else {}
    try:
        return client.send(text=fallback_of(message), unfurl_links=False, unfurl_media=False, **parts)
    except (UnicodeEncodeError, http.client.InvalidURL):
        raise PermanentError(f"the webhook's address holds a character that no address has; {_MEND_WEBHOOK}") from None
    # UnicodeError, LookupError: a proxy between us and Slack answers in no known charset.
    except (OSError, http.client.HTTPException, UnicodeError, LookupError) as error:
        raise RetryableError(f"no answer from Slack ({type(_cause(error)).__name__})") from None


def _cause(error: Exception) -> object:
    return error.reason if isinstance(error, urllib.error.URLError) else error


def _judge(answer: WebhookResponse) -> None:
    """Nothing where Slack took the message.

    Raises:
        RetryableError: limits, Slack's own trouble, or an answer that Slack does not give: something is in between.
        PermanentError: the webhook is refused.
        MessageRefusedError: this message is.
    """
    status, body = answer.status_code, answer.body.strip()
    if status == 200 and body == "ok":
        return
    if status == 429:
        raise RetryableError("Slack says 429, too many messages", _seconds(answer.headers))
    if status in (400, 413) and body not in _REASONS:
        raise MessageRefusedError(f"Slack says {status} to this message, also as plain text: {clip(body, 100)}")
    if status in (400, 401, 403, 404, 410):
        reason = _REASONS.get(body, "the webhook's address is wrong or disabled")
        raise PermanentError(f"Slack says {status}: {reason}; {_MEND_WEBHOOK}")
    raise RetryableError(f"Slack's answer is {status} and not 'ok'", _seconds(answer.headers))


def _seconds(headers: Mapping[str, Any]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value[0] if isinstance(value, list) else value))
            except ValueError:
                return None
    return None
