"""Makes the demonstration's modules importable, and offers its shop as running processes."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from _demo.premises import Premises  # noqa: E402  # needs the path above
from _demo.shop import stock  # noqa: E402


class Customer:
    """Sends single requests to the shop; remembers the session of `sign_in`."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._token = ""

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] = b"") -> tuple[int, dict[str, Any], str]:
        """Status, content and request id of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self._premises.port, timeout=60)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, {"X-Session": self._token})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), answer.headers["X-Request-Id"]
        finally:
            connection.close()

    def sign_in(self) -> int:
        """Sign in with the first name that the shop knows, and return the status of the last try."""
        for given in stock.GIVEN_NAMES:
            for family in stock.FAMILY_NAMES:
                status, content, _ = self.ask(
                    "POST", "/login", {"name": f"{given}.{family}".lower(), "password": stock.PASSWORD}
                )
                if status != 401:
                    self._token = content.get("token", "")
                    return status
        return 401


@pytest.fixture(scope="module")
def premises(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with Premises(tmp_path_factory.mktemp("demo") / "shop", seed=1) as running:
        yield running


@pytest.fixture
def customer(premises: Premises) -> Customer:
    """A customer who has just signed in."""
    someone = Customer(premises)
    assert someone.sign_in() == 200
    return someone
