"""What the shop answers to which address, and what it says of it in its log."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from _demo.shop import stock
from _demo.shop.log import user_id
from _demo.shop.photos import PhotoStore
from _demo.shop.settings import ShopSettings
from _demo.shop.shipping import ShippingClient
from _demo.shop.store import SoldOutError, Store
from _demo.shop.web import Answer


class Routes:
    """Callable by the server from any thread. `settings` returns the present settings."""

    def __init__(
        self, store: Store, photos: PhotoStore, shipping: ShippingClient, settings: Callable[[], ShopSettings]
    ) -> None:
        self._store = store
        self._photos = photos
        self._shipping = shipping
        self._settings = settings
        self._table: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            ("GET", re.compile(r"/healthz"), self._health),
            ("GET", re.compile(r"/products"), self._list),
            ("GET", re.compile(r"/products/(\d+)"), self._product),
            ("GET", re.compile(r"/search"), self._search),
            ("POST", re.compile(r"/login"), self._login),
            ("POST", re.compile(r"/products/(\d+)/reviews"), self._review),
            ("POST", re.compile(r"/orders"), self._place_order),
            ("GET", re.compile(r"/orders/(\d+)"), self._order),
            ("POST", re.compile(r"/photos/([\w.-]{1,80})"), self._photo),
            ("GET", re.compile(r"/reports/sales"), self._report),
        ]

    def __call__(self, method: str, path: str, query: str, body: bytes, token: str) -> Answer:
        user = self._store.user_of(token) if token else None
        user_id.set(user or 0)
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        for verb, pattern, route in self._table:
            match = pattern.fullmatch(path)
            if match and verb == method:
                return route(*match.groups(), asked=asked, body=body, user=user)
        return 404, {"error": "no such address"}

    def _health(self, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        return 200, {"ok": True}

    def _list(self, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        page = int(asked.get("page", 1))
        found = self._store.page(page, self._settings().page_size)
        return 200, {"products": [product._asdict() for product in found]}

    def _product(self, number: str, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        product = self._store.product(int(number))
        if product is None:
            _catalog.info("product %s is not in the catalogue", number)
            return 404, {"error": "no such product"}
        reviews, mean = self._store.stars(product.id)
        return 200, {**product._asdict(), "reviews": reviews, "stars": round(mean, 2)}

    def _search(self, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        began = time.monotonic()
        words = asked.get("q", "")
        found = self._store.search(words)
        _catalog.info("search '%s' found %d products in %.1f ms", words, len(found), _ms_since(began))
        return 200, {"products": [product._asdict() for product in found]}

    def _login(self, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        given = json.loads(body)
        found = self._store.user_named(given["name"])
        if found is None or given["password"] != stock.PASSWORD:
            reason = "unknown name" if found is None else "wrong password"
            _accounts.warning("sign-in of %s refused: %s", given["name"], reason)
            return 401, {"error": "name or password is wrong"}
        user_id.set(found)
        token = self._store.sign_in(found)
        _accounts.info("%s signed in", given["name"])
        return 200, {"token": token}

    def _review(self, number: str, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        if user is None:
            return 401, {"error": "please sign in"}
        given = json.loads(body)
        review = self._store.add_review(int(number), user, int(given["stars"]), given["text"])
        _catalog.info(
            "review %d of product %s: %d stars, %d characters", review, number, given["stars"], len(given["text"])
        )
        return 201, {"review": review}

    def _place_order(self, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        if user is None:
            return 401, {"error": "please sign in"}
        given: dict[str, Any] = json.loads(body)
        items = [(int(product), int(pieces)) for product, pieces in given["items"]]
        try:
            products = self._store.take(items)
        except SoldOutError as error:
            _orders.warning("order refused: %s", error)
            return 409, {"error": str(error)}
        grams = sum(product.grams * pieces for product, (_, pieces) in zip(products, items, strict=True))
        cents = sum(product.cents * pieces for product, (_, pieces) in zip(products, items, strict=True))
        began = time.monotonic()
        shipping = self._shipping.quote_cents(grams, given["city"])
        _shipping.info(
            "%d g to %s: EUR %.2f, quoted in %.1f ms", grams, given["city"], shipping / 100, _ms_since(began)
        )
        order = self._store.place_order(user, cents + shipping, given["city"], items)
        _orders.info("order %d placed: %d products, EUR %.2f", order, len(items), (cents + shipping) / 100)
        return 201, {"order": order, "cents": cents + shipping}

    def _order(self, number: str, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        if user is None:
            return 401, {"error": "please sign in"}
        order = self._store.order(int(number))
        if order is None:
            _orders.info("order %s does not exist", number)
            return 404, {"error": "no such order"}
        return 200, {"cents": order[0], "city": order[1], "products": order[2]}

    def _photo(self, name: str, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        if user is None:
            return 401, {"error": "please sign in"}
        offset = self._photos.keep(body)
        _photos.info("photo %s kept: %d bytes at %d", name, len(body), offset)
        return 201, {"offset": offset}

    def _report(self, *, asked: dict[str, str], body: bytes, user: int | None) -> Answer:
        began = time.monotonic()
        days = int(asked.get("days", 30))
        cities = self._store.sales(days)
        items, budget, took_ms = sum(city[1] for city in cities), self._settings().report_budget, _ms_since(began)
        if items > budget:
            _reports.warning("sales of %d days read %d items in %.0f ms, more than %d", days, items, took_ms, budget)
        else:
            _reports.info("sales of %d days: %d items in %.0f ms", days, items, took_ms)
        return 200, {"sales": cities}


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000


_accounts = logging.getLogger("shop.accounts")
_catalog = logging.getLogger("shop.catalog")
_orders = logging.getLogger("shop.orders")
_photos = logging.getLogger("shop.photos")
_reports = logging.getLogger("shop.reports")
_shipping = logging.getLogger("shop.shipping")
