"""OpenAI's embeddings API on loopback. `base_url` is `.url + "/v1"`."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fakes.server import Answer, FakeService, Reply, Request, Status


def vector(text: str, dimensions: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(dimensions,) float32, L2-normalised: signed counts of hashed 3-grams, so that like texts lie near each other."""
    counts = np.zeros(dimensions, np.float32)
    padded = f"  {text}  ".encode()
    for start in range(len(padded) - 2):
        hashed = zlib.crc32(padded[start : start + 3])
        counts[hashed % dimensions] += 1.0 if hashed & (1 << 31) else -1.0
    norm = float(np.linalg.norm(counts))
    if norm == 0.0:
        counts[0], norm = 1.0, 1.0
    return counts / np.float32(norm)


class FakeOpenAI(FakeService):
    """Embeds with `vector`; `dimensions` unless a request names its own.

    trouble: what it answers in place of vectors, if anything, asked for each request. refusal: the same, by the texts
    of the request. answered: every text that it gave a vector for, in order.
    """

    def __init__(self, dimensions: int = 1536) -> None:
        self.dimensions = dimensions
        self.trouble: Callable[[], Answer | None] = lambda: None
        self.refusal: Callable[[list[str]], Answer | None] = lambda texts: None
        self.answered: list[str] = []
        super().__init__()

    @property
    def env(self) -> dict[str, str]:
        """What sends a process here."""
        return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": self.url + "/v1"}

    def well(self, request: Request) -> Answer:
        if (trouble := self.trouble()) is not None:
            return trouble
        if not request.path.endswith("/embeddings"):
            return Status(404)
        texts = request.body["input"]
        texts = [texts] if isinstance(texts, str) else texts
        if (refusal := self.refusal(texts)) is not None:
            return refusal
        dimensions = int(request.body.get("dimensions") or self.dimensions)
        if not texts or any(text == "" for text in texts) or len(texts) > 2048:
            return Status(400)
        data = []
        for index, text in enumerate(texts):
            values = vector(text, dimensions)
            embedding: Any = values.tolist()
            if request.body.get("encoding_format") == "base64":
                embedding = base64.b64encode(values.astype("<f4").tobytes()).decode()
            data.append({"object": "embedding", "index": index, "embedding": embedding})
        self.answered.extend(texts)
        tokens = sum(len(text) // 4 + 1 for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply({"object": "list", "data": data, "model": request.body["model"], "usage": usage})

    def error_body(self, code: int) -> str:
        known = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
        error = {"message": f"the loopback server says {code}", "type": "error", "code": known.get(code)}
        return json.dumps({"error": error})
