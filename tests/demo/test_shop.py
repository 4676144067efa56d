"""The demonstration's shop over real HTTP: what it answers, and what it writes into its logs."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from _demo.premises import Premises
from _demo.shop.settings import SettingsError, ShopSettings, read_settings
from _demo.shop.shipping import price_cents

from tests.demo.conftest import Customer
from tests.helpers import wait_until

_SHOP_LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR) +shop\.\w+ \[(-|[0-9a-f]{8}( user=\d+)?)\] \S"
)
_ACCESS_LINE = re.compile(
    r'127\.\d+\.\d+\.\d+ - (-|\d+) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "[A-Z]+ \S+ HTTP/1\.1" \d{3} \d+ '
    r'"-" ".*" \d+\.\d{3} [0-9a-f]{8}'
)


def _lines_of(file: Path, request: str) -> list[str]:
    """What a log says about a request, once it says anything: the access log is written after the answer."""
    wait_until(lambda: request in file.read_text(), what=f"{request} in {file.name}")
    return [line for line in file.read_text().splitlines() if request in line]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "logged"),
    [
        ("GET", "/healthz", b"", 200, None),
        ("GET", "/products?page=2", b"", 200, None),
        ("GET", "/products/7", b"", 200, None),
        ("GET", "/products/999", b"", 404, "product 999 is not in the catalogue"),
        ("GET", "/search?q=oak+bowl", b"", 200, "search 'oak bowl' found 1 products in"),
        ("POST", "/products/7/reviews", {"stars": 4, "text": "warm and round"}, 201, "4 stars, 14 characters"),
        ("POST", "/orders", {"items": [[7, 99]], "city": "Riga"}, 409, "pieces left, 99 wanted"),
        ("GET", "/orders/12", b"", 200, None),
        ("GET", "/orders/999999", b"", 404, "order 999999 does not exist"),
        ("POST", "/photos/IMG_0001.jpg", b"x" * 3000, 201, "photo IMG_0001.jpg kept: 3000 bytes"),
        ("GET", "/reports/sales?days=5", b"", 200, "sales of 5 days: "),
        ("GET", "/reports/sales?days=90", b"", 200, "sales of 90 days read "),
        ("GET", "/favicon.ico", b"", 404, None),
        ("POST", "/login", {"name": "nobody", "password": "x"}, 401, "sign-in of nobody refused: unknown name"),
    ],
)
def test_answers_and_logs(
    premises: Premises,
    customer: Customer,
    method: str,
    path: str,
    body: bytes | dict[str, object],
    status: int,
    logged: str | None,
) -> None:
    answered, _, request = customer.ask(method, path, body)
    assert answered == status
    (access,) = _lines_of(premises.access_log, request)
    assert _ACCESS_LINE.fullmatch(access)
    assert f'"{method} {path} HTTP/1.1" {status} ' in access
    if logged:
        assert any(logged in line for line in _lines_of(premises.shop_log, request))


def test_an_order_asks_the_upstream_and_takes_from_the_stock(premises: Premises, customer: Customer) -> None:
    for number in range(1, 200):  # the first product with a piece left
        product = customer.ask("GET", f"/products/{number}")[1]
        if product["pieces"]:
            break
    status, order, request = customer.ask("POST", "/orders", {"items": [[number, 1]], "city": "Turin"})
    assert status == 201
    assert order["cents"] == product["cents"] + price_cents(product["grams"], "Turin")
    assert customer.ask("GET", f"/orders/{order['order']}")[1] == {
        "cents": order["cents"],
        "city": "Turin",
        "products": 1,
    }
    assert customer.ask("GET", f"/products/{number}")[1]["pieces"] < product["pieces"]
    said = _lines_of(premises.shop_log, request)
    assert [line.split()[2] for line in said] == ["shop.shipping", "shop.orders"]


def test_writing_needs_a_session(premises: Premises) -> None:
    assert Customer(premises).ask("POST", "/products/7/reviews", {"stars": 4, "text": ""})[0] == 401


def test_every_line_of_its_log_has_its_form(premises: Premises, customer: Customer) -> None:
    wait_until(lambda: "shop.jobs" in premises.shop_log.read_text(), what="a line of the jobs")
    for line in premises.shop_log.read_text().splitlines():
        assert _SHOP_LINE.match(line), line


def test_reloads_its_settings(premises: Premises, customer: Customer) -> None:
    before = premises.settings_file.read_text()
    try:
        premises.settings_file.write_text(ShopSettings(page_size=3).to_toml())
        os.kill(premises.shop_pid, signal.SIGHUP)
        wait_until(lambda: "settings reloaded: page_size = 3," in premises.shop_log.read_text(), what="the reload")
        assert len(customer.ask("GET", "/products?page=1")[1]["products"]) == 3
    finally:
        premises.settings_file.write_text(before)
        os.kill(premises.shop_pid, signal.SIGHUP)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("page_size = twenty", "Invalid value"),
        ("page_size = 0", "page_size = 0 is no positive whole number"),
        ("colour = 3", "unknown key colour"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=told):
        read_settings(file)
    with pytest.raises(SettingsError, match="No such file"):
        read_settings(tmp_path / "missing.toml")
