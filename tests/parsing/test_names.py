"""What a rotated file is called."""

from __future__ import annotations

import pytest

from logwatchd.parsing.names import base_of, is_compressed, is_compressed_name, order_of, rotated


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("/l/app.log.1", "/l/app.log"),
        ("/l/app.log.12", "/l/app.log"),
        ("/l/app.log-20260101", "/l/app.log"),
        ("/l/app.log-20260101-1767225600", "/l/app.log"),
        ("/l/app.log.2026-11-22", "/l/app.log"),
        ("/l/app.log.2026-11-22T10:00:00", "/l/app.log"),
        ("/l/app.log.old", "/l/app.log"),
        ("/l/app.log.tmp", "/l/app.log"),
        ("/l/app-20260101.log", "/l/app.log"),
        ("/l/app-2026-11-22T10-00-00.000.log", "/l/app.log"),
        ("/l/messages-20260101", "/l/messages"),
        ("/l/0.log.20260101-000000", "/l/0.log"),
    ],
)
def test_rotated_names(name: str, base: str) -> None:
    found = rotated(name)
    assert found is not None
    assert found.base == base
    assert base_of(name) == base_of(name + ".gz") == base


@pytest.mark.parametrize(
    "name", ["/l/app.log", "/l/worker-1.log", "/l/app.log.gz", "/l/syslog-ng.log", "/l/.1", "/l/1", "/l/error.log.bak"]
)
def test_names_that_are_no_rotated_ones(name: str) -> None:
    assert rotated(name) is None


def test_older_ones_sort_first() -> None:
    counted = ["/l/a.log.10", "/l/a.log.2", "/l/a.log.1", "/l/a.log.0", "/l/a.log.tmp", "/l/a.log"]
    dated = ["/l/a.log-20251231", "/l/a.log-20260101", "/l/a.log"]
    assert sorted([*counted[2:], *counted[:2]], key=order_of) == counted
    assert sorted([*dated[1:], dated[0]], key=order_of) == dated


def test_compressed() -> None:
    assert is_compressed_name("/l/a.log.1.gz")
    assert not is_compressed_name("/l/a.log.1")
    assert is_compressed(b"\x1f\x8b\x08\0")
    assert not is_compressed(b"2026-")
    assert not is_compressed(b"")
