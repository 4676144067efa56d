"""The shop's customers: threads that browse, search, sign in, order and review, each visit different from the last."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from _demo.shop import stock

WORKERS = 4
TIMEOUT_S = 10.0
PRODUCTS = len(stock.MATERIALS) * len(stock.THINGS)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36",
    "shop-app/5.2.1 (Android 13)",
    "shop-app/5.3.0 (iOS 17.4)",
    "curl/8.5.0",
)
_WORDS = (
    "sturdy", "lovely", "small", "heavy", "soft", "warm", "cold", "smooth", "rough", "bright", "dark", "cheap",
    "dear", "fine", "perfect", "late", "early", "gift", "mother", "kitchen", "garden", "hallway", "again", "never",
    "always", "maybe", "colour", "smell", "size", "edge", "paint", "box", "arrived", "bought", "round", "tall", "green",
)  # fmt: skip
_PHOTO_STEMS = ("IMG", "DSC", "photo", "PXL", "kitchen", "hallway", "desk", "our-living-room", "garden-table")


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that the shop did not serve. at: wall clock, seconds. status: 0 when there was no answer at all."""

    at: float
    request: str
    status: int
    what: str


class Traffic:
    """Owns the customers' threads. The rate (requests a second, all together) can be changed at any time."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._gap_s = float("inf")
        self._lock = threading.Lock()
        self._next_at = time.monotonic()
        self._stopping = threading.Event()
        self._sent = 0
        self._failed: list[Failed] = []
        self._threads = [
            threading.Thread(target=self._visit_on, args=(random.Random(f"{seed}/{number}"),), daemon=True)
            for number in range(WORKERS)
        ]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    @property
    def sent(self) -> int:
        """Requests that got an answer or failed."""
        with self._lock:
            return self._sent

    def failed(self) -> tuple[Failed, ...]:
        with self._lock:
            return tuple(self._failed)

    def set_rate(self, per_s: float) -> None:
        """Requests a second from now on; 0 for none."""
        with self._lock:
            self._gap_s = 1 / per_s if per_s else float("inf")
            self._next_at = time.monotonic()

    def _turn(self) -> bool:
        """Wait for one's turn; False when it is closing time."""
        while not self._stopping.is_set():
            with self._lock:
                now = time.monotonic()
                wait_s = self._next_at - now if self._gap_s != float("inf") else 0.05
                if wait_s <= 0:
                    self._next_at = max(self._next_at, now - 1.0) + self._gap_s
                    return True
            self._stopping.wait(min(wait_s, 0.05))
        return False

    def _visit_on(self, chance: random.Random) -> None:
        while not self._stopping.is_set():
            visit = _Visit(self._port, chance, self._turn, self._count)
            try:
                visit.go()
            finally:
                visit.close()

    def _count(self, failed: Failed | None) -> None:
        with self._lock:
            self._sent += 1
            if failed:
                self._failed.append(failed)


class _Visit:
    """One customer on one connection, from an address and with a program of their own."""

    def __init__(
        self, port: int, chance: random.Random, turn: Callable[[], bool], count: Callable[[Failed | None], None]
    ) -> None:
        self._chance = chance
        self._turn = turn
        self._count = count
        self._token = ""
        self._orders = [chance.randint(1, stock.ORDERS)]
        self._agent = chance.choice(AGENTS)
        address = f"127.{chance.randint(0, 20)}.{chance.randint(0, 255)}.{chance.randint(2, 250)}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S, source_address=(address, 0))

    def close(self) -> None:
        self._connection.close()

    def go(self) -> None:
        steps: list[tuple[int, Callable[[], Any]]] = [
            (16, self._browse),
            (26, self._look),
            (18, self._search),
            (3, self._health),
            (3, self._wrong_address),
            (3, self._report),
        ]
        if self._chance.random() < 0.6:
            self._sign_in()
        if self._token:
            steps += [(10, self._review), (12, self._order), (9, self._orders_again), (7, self._photo)]
        weights, actions = zip(*steps, strict=True)
        for action in self._chance.choices(actions, weights, k=self._chance.randint(2, 12)):
            if action() is None:
                return

    def _ask(self, method: str, path: str, body: bytes = b"") -> dict[str, Any] | None:
        """One request; its answer, {} when it was refused or failed, None when the visit is over."""
        if not self._turn():
            return None
        headers = {"User-Agent": self._agent, **({"X-Session": self._token} if self._token else {})}
        try:
            self._connection.request(method, path, body or None, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._count(Failed(time.time(), "", 0, f"{method} {path}: {error!r}"))
            return None
        bad = answer.status >= 500
        request = answer.headers.get("X-Request-Id", "")
        self._count(Failed(time.time(), request, answer.status, f"{method} {path}") if bad else None)
        return json.loads(content) if answer.status < 300 else {}

    def _product_id(self) -> int:
        return self._chance.randint(1, PRODUCTS + 6)  # the last few were taken out of the catalogue long ago

    def _browse(self) -> object:
        return self._ask("GET", f"/products?page={self._chance.randint(1, 12)}")

    def _look(self) -> object:
        return self._ask("GET", f"/products/{self._product_id()}")

    def _search(self) -> object:
        words = [self._chance.choice(stock.MATERIALS), self._chance.choice(stock.THINGS), self._chance.choice(_WORDS)]
        wanted = self._chance.sample(words, self._chance.randint(1, 2))
        return self._ask("GET", f"/search?q={quote_plus(' '.join(wanted).lower())}")

    def _health(self) -> object:
        return self._ask("GET", "/healthz")

    def _wrong_address(self) -> object:
        return self._ask(
            "GET", self._chance.choice(("/favicon.ico", "/robots.txt", "/wp-login.php", "/apple-touch-icon.png"))
        )

    def _report(self) -> object:
        return self._ask("GET", f"/reports/sales?days={self._chance.randint(1, 90)}")

    def _sign_in(self) -> object:
        name = f"{self._chance.choice(stock.GIVEN_NAMES)}.{self._chance.choice(stock.FAMILY_NAMES)}".lower()
        password = stock.PASSWORD if self._chance.random() < 0.9 else "correct house"
        answer = self._ask("POST", "/login", json.dumps({"name": name, "password": password}).encode())
        self._token = answer.get("token", "") if answer else ""
        return answer

    def _review(self) -> object:
        text = " ".join(self._chance.choices(_WORDS, k=self._chance.randint(3, 40)))
        body = json.dumps({"stars": self._chance.randint(1, 5), "text": text}).encode()
        return self._ask("POST", f"/products/{self._chance.randint(1, PRODUCTS)}/reviews", body)

    def _order(self) -> object:
        items = [
            (self._chance.randint(1, PRODUCTS), self._chance.randint(1, 8)) for _ in range(self._chance.randint(1, 5))
        ]
        body = json.dumps({"items": items, "city": self._chance.choice(stock.CITIES)}).encode()
        answer = self._ask("POST", "/orders", body)
        if answer:
            self._orders.append(answer["order"])
        return answer

    def _orders_again(self) -> object:
        return self._ask("GET", f"/orders/{self._chance.choice(self._orders)}")

    def _photo(self) -> object:
        stem, ending = self._chance.choice(_PHOTO_STEMS), self._chance.choice(("jpg", "png"))
        name = f"{stem}_{self._chance.randint(1, 9999):04d}.{ending}"
        return self._ask("POST", f"/photos/{name}", self._chance.randbytes(self._chance.randint(2_000, 30_000)))
