"""The shop's customers: they vary, and nothing that they do breaks a whole shop."""

from __future__ import annotations

import re

from _demo.premises import Premises
from _demo.traffic import Traffic

from tests.helpers import wait_until


def _requests(premises: Premises, seed: int, count: int) -> list[str]:
    """The request lines of `count` requests."""
    start = premises.access_log.stat().st_size
    with Traffic(premises.port, seed) as traffic:
        traffic.set_rate(1_000)
        wait_until(lambda: traffic.sent >= count, timeout_s=60, what=f"{count} requests")
        traffic.set_rate(0)
    assert traffic.failed() == ()
    return re.findall(r'"([A-Z]+ \S+) HTTP', premises.access_log.read_text()[start:])


def test_customers_vary_and_find_the_shop_whole(premises: Premises) -> None:
    requests = _requests(premises, 5, 400)
    kinds = {re.sub(r"[\d?].*", "", request) for request in requests}
    assert len(kinds) >= 10
    assert len(set(requests)) > len(requests) / 2
    clients = {line.split()[0] for line in premises.access_log.read_text().splitlines()}
    assert len(clients) > 20
    assert "Traceback" not in premises.shop_log.read_text()


def test_another_seed_is_another_day(premises: Premises) -> None:
    assert _requests(premises, 6, 60) != _requests(premises, 7, 60)


def test_no_rate_no_requests(premises: Premises) -> None:
    with Traffic(premises.port, 8) as traffic:
        pass
    assert traffic.sent == 0


def test_a_shop_that_is_closed_is_a_failure(premises: Premises) -> None:
    with Traffic(1, 9) as traffic:
        traffic.set_rate(50)
        wait_until(lambda: traffic.failed(), what="a failed request")
    assert traffic.failed()[0].status == 0
