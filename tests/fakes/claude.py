"""Anthropic's messages API on loopback. `base_url` is `.url`."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.server import Answer, FakeService, Reply, Request, Status

WORDS = {
    "likely_cause": "The database file is locked by another writer.",
    "severity": "P2-High",
    "suggested_action": "Find the process that holds the lock with `fuser app.db`.",
}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def message(text: str, model: str = "claude-opus-4-6", stop_reason: str = "end_turn") -> dict[str, Any]:
    """A whole answer of the messages API with one text block."""
    return {
        "id": "msg_01loopback",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 412, "output_tokens": 87},
    }


def words(**fields: Any) -> Reply:
    """A well-formed answer whose fields (likely_cause, severity, suggested_action ...) are replaced by these."""
    return Reply(message(json.dumps(WORDS | fields)))


def refusal() -> Reply:
    return Reply(message("", stop_reason="refusal"))


class FakeClaude(FakeService):
    """Answers with `WORDS`, as the requested model."""

    def well(self, request: Request) -> Answer:
        if not request.path.startswith("/v1/messages"):
            return Status(404)
        return Reply(message(json.dumps(WORDS), request.body["model"]))

    def error_body(self, code: int) -> str:
        error = {"type": _KINDS.get(code, "api_error"), "message": f"the loopback server says {code}"}
        return json.dumps({"type": "error", "error": error, "request_id": "req_loopback"})
