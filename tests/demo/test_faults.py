"""Each fault really breaks the shop, in the way that its name says, and mending it really mends it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from _demo.children import ChildError
from _demo.faults import FAULTS, Fault, fill_disk
from _demo.premises import PhotoDisk, Premises

from tests.demo.conftest import Customer
from tests.helpers import wait_until

_BY_NAME = {fault.name: fault for fault in FAULTS}


def _order(customer: Customer) -> int:
    for number in range(1, 240):
        if customer.ask("GET", f"/products/{number}")[1]["pieces"]:
            return customer.ask("POST", "/orders", {"items": [[number, 1]], "city": "Oulu"})[0]
    raise AssertionError("the whole shop is sold out")


def _photo(customer: Customer) -> int:
    return customer.ask("POST", "/photos/desk_0001.png", os.urandom(20_000))[0]


def _review(customer: Customer) -> int:
    return customer.ask("POST", "/products/7/reviews", {"stars": 5, "text": "fine"})[0]


def _look(customer: Customer) -> int:
    return customer.ask("GET", "/products/7")[0]


@pytest.mark.parametrize(
    ("name", "act", "broken", "whole", "error"),
    [
        ("database locked", _review, 503, 201, "sqlite3.OperationalError: database is locked"),
        ("table gone", _look, 500, 200, "sqlite3.OperationalError: no such table: reviews"),
        ("upstream down", _order, 502, 201, "ConnectionRefusedError: [Errno 111] Connection refused"),
    ],
)
def test_breaks_and_mends(
    premises: Premises,
    customer: Customer,
    name: str,
    act: Callable[[Customer], int],
    broken: int,
    whole: int,
    error: str,
) -> None:
    fault = _BY_NAME[name]
    assert act(customer) == whole
    start = premises.shop_log.stat().st_size
    with fault.broken(premises):
        assert act(customer) == broken
        assert customer.ask("GET", "/healthz")[0] == 200
    assert act(customer) == whole
    said = premises.shop_log.read_text()[start:]
    assert "Traceback (most recent call last):" in said
    assert error in said
    assert fault.evidence.search(said)


@pytest.mark.parametrize("disk", list(PhotoDisk))
def test_the_photo_disk_is_full(tmp_path: Path, disk: PhotoDisk) -> None:
    try:
        premises = Premises(tmp_path / "shop", seed=2, disk=disk).__enter__()
    except ChildError as error:
        pytest.skip(f"{disk.name} is not possible here: {error}")
    try:
        customer = Customer(premises)
        assert customer.sign_in() == 200
        assert _photo(customer) == 201
        with _BY_NAME["disk full"].broken(premises):
            assert _photo(customer) == 507
            assert _review(customer) == 201  # only the photos' disk is full
        assert _photo(customer) == 201
        said = premises.shop_log.read_text()
        assert ("File too large" if disk is PhotoDisk.FILE_SIZE else "No space left on device") in said
    finally:
        premises.__exit__()
    mounted = Path("/proc/self/mounts").read_text()
    assert str(tmp_path) not in mounted


def test_malformed_settings(premises: Premises, customer: Customer) -> None:
    fault = _BY_NAME["settings malformed"]
    start = premises.shop_log.stat().st_size
    with fault.broken(premises):
        wait_until(lambda: "settings not reloaded" in premises.shop_log.read_text()[start:], what="the refusal")
        assert customer.ask("GET", "/products/7")[0] == 200
    wait_until(lambda: "settings reloaded:" in premises.shop_log.read_text()[start:], what="the reload")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_evidence_is_of_one_fault_only(fault: Fault) -> None:
    errors = {
        "database locked": "sqlite3.OperationalError: database is locked",
        "table gone": "sqlite3.OperationalError: no such table: reviews",
        "upstream down": "ConnectionRefusedError: [Errno 111] Connection refused",
        "disk full": "OSError: [Errno 28] No space left on device",
        "settings malformed": "ERROR shop.main [-] settings not reloaded, the old ones stay in force",
    }
    assert [name for name, error in errors.items() if fault.evidence.search(error)] == [fault.name]


def test_fill_disk_raises_what_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fill_disk(tmp_path / "missing" / "filler")


def test_the_shop_ends_with_its_children(tmp_path: Path) -> None:
    with Premises(tmp_path / "shop", seed=3) as premises:
        pids = [premises.shop_pid, premises.upstream_pid]
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
