"""What ties lines of different sources together."""

from __future__ import annotations

import time
from itertools import count

import pytest

from logwatchd.alerting.ties import MAX_TIES, host_of, is_failed_request, ties_of

NUMBERS = count()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET req-7f3a failed", "worker: task req-7f3a gave up"),
        ("order_id=A17-x is lost", "no stock for order_id:a17-x"),
        ("54fadb41-2c4e-40cd-baed-9335e4c35a9e in", "out 54fadb41-2c4e-40cd-baed-9335e4c35a9e"),
        ("trace-ab-cd-ef-1 here", "and trace-ab-cd-ef-1 there"),
    ],
)
def test_lines_of_one_request_share_an_id(one: str, other: str) -> None:
    assert ties_of(one) & ties_of(other)


@pytest.mark.parametrize(
    "line", ["job-done well", "INFO deadbeef x.abcdef12", "user-agent trace-less", "req-" + "a" * 100]
)
def test_what_names_no_object_is_no_id(line: str) -> None:
    assert not ties_of(line)


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("Mar  1 12:00:00 web1 nginx[12]: upstream is gone", "web1"),
        ("<11>Mar  1 12:00:00 web1.example.org systemd-logind[12]: no seat", "web1.example.org"),
        ("2026-03-01T12:00:00.123456+01:00 db-2 postgres: database is locked", "db-2"),
        ('{"level":"error","host":"web1","msg":"upstream is gone"}', "web1"),
        ("level=error hostname=web1 msg=gone", "web1"),
        ("ERROR node: web1 lost its lease", "web1"),
        ("ERROR no answer from db at localhost=7", None),
        ("2026-03-01 12:00:00 ERROR shop: database is locked", None),
        ("Mar  1 12:00:00 web1 is a host of which nothing is said", None),
    ],
)
def test_a_line_names_its_own_host_or_none(line: str, host: str | None) -> None:
    assert host_of(line) == host


def test_of_a_line_with_very_many_ids_some_are_kept() -> None:
    assert len(ties_of(" ".join(f"req-{number:04d}" for number in range(100)))) == MAX_TIES


@pytest.mark.parametrize("piece", ["req-", "trace-", "0a", "_id=", '"GET ', "host", 'host="', "a.", " ", "-"])
def test_time_grows_with_a_lines_length_and_not_with_its_square(piece: str) -> None:
    def seconds(size: int) -> float:
        lines = [f"{next(NUMBERS)} {(piece * size)[:size]}" for _ in range(3)]
        began = time.process_time()
        for line in lines:
            ties_of(line)
            host_of(line)
            is_failed_request(line)
        return time.process_time() - began

    assert seconds(4000) < 40 * max(seconds(400), 0.0002)
