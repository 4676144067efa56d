"""Slack's incoming webhooks on loopback; refuses what Slack itself refuses. The webhook's address is `.webhook_url`."""

from __future__ import annotations

from typing import Any

from tests.fakes.server import Answer, FakeService, Reply, Request, Status

PATH = "/services/T0LOOPBACK/B0LOOPBACK/secretsecretsecret"
_BODIES = {
    400: "invalid_payload",
    403: "invalid_token",
    404: "no_service",
    410: "channel_is_archived",
    429: "rate_limited",
    500: "rollup_error",
}


class FakeSlack(FakeService):
    """Says `ok` to every message within Slack's limits and `invalid_blocks` to the others."""

    content_type = "text/html"

    @property
    def webhook_url(self) -> str:
        return self.url + PATH

    def well(self, request: Request) -> Answer:
        if request.path != PATH:
            return Status(404)
        return Status(400, problem) if (problem := refusal_of(request.body)) else Reply("ok")

    def error_body(self, code: int) -> str:
        return _BODIES.get(code, "error")


def refusal_of(body: Any) -> str | None:
    """What Slack says to a message that breaks its limits, or None. Limits: Slack's Block Kit reference."""
    if not isinstance(body, dict):
        return "invalid_payload"
    blocks = list(body.get("blocks") or [])
    blocks += [block for part in body.get("attachments") or [] for block in part.get("blocks", [])]
    if not blocks:
        text = body.get("text")
        return None if isinstance(text, str) and 0 < len(text) <= 40_000 else "no_text"
    if len(blocks) > 50:
        return "invalid_blocks"
    return None if all(_accepted(block) for block in blocks) else "invalid_blocks"


def _accepted(block: dict[str, Any]) -> bool:
    match block.get("type"):
        case "header":
            return block["text"]["type"] == "plain_text" and _within(block["text"], 150)
        case "section":
            fields = block.get("fields", [])
            has_text = "text" in block
            return (
                (has_text or bool(fields))
                and (not has_text or _within(block["text"], 3000))
                and len(fields) <= 10
                and all(_within(item, 2000) for item in fields)
            )
        case "context":
            elements = block.get("elements", [])
            return 0 < len(elements) <= 10 and all(_within(item, 2000) for item in elements)
        case "divider":
            return True
    return False


def _within(text: dict[str, Any], limit: int) -> bool:
    units = len(text.get("text", "").encode("utf-16-le")) // 2  # as JavaScript counts, the strictest reading
    return text.get("type") in {"mrkdwn", "plain_text"} and 0 < units <= limit


class FakeSlackApi(FakeService):
    """Slack's Web API on loopback: chat.postMessage. `stamps` are those of the messages that it took."""

    def __init__(self) -> None:
        self.stamps: list[str] = []
        super().__init__()

    def well(self, request: Request) -> Answer:
        if request.path != "/api/chat.postMessage":
            return Status(404)
        if (problem := refusal_of(request.body)) is not None:
            return self.refusing(problem)
        self.stamps.append(f"1700000000.{len(self.stamps):06}")
        return Reply({"ok": True, "channel": "C0LOOPBACK", "ts": self.stamps[-1], "message": {"text": "x"}})

    @staticmethod
    def refusing(error: str) -> Answer:
        """What Slack says when it takes no message: 200 and this."""
        return Reply({"ok": False, "error": error})
