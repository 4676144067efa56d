"""Sampled logs have the same lines as logs that are read whole: cut at 1 MiB, without NULs at their beginnings."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from pathlib import Path

import pytest

from logwatchd.ingest import sampling
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.offline import read_events
from logwatchd.ingest.stretches import Extent, read_share, size_of
from logwatchd.records import SourceSpec

SHARE = 3 << 20


def lines_of(runs: list[tuple[bytes, tuple[int, ...]]]) -> list[bytes]:
    return [line for data, _ in runs for line in data.splitlines(keepends=True)]


def log(seed: int) -> bytes:
    rng = random.Random(seed)
    parts = [b"INFO first\n", b"y" * (2 << 20) + b"\n"]  # the first stretch is always read
    for number in range(1500):
        parts.append(b"INFO line %d %s\n" % (number, b"x" * rng.choice([20, 300, 4000])))
        if number % 100 == 7:
            parts.append(
                b"%d %s\n" % (number, rng.randbytes(16).hex().encode() * rng.choice([1000, 45_000, 70_000, 200_000]))
            )
        if number % 100 == 57:
            parts.append(b"\0" * rng.choice([1, 5000]))
    return b"".join(parts)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("multiline", ["auto", "off"])
@pytest.mark.parametrize("stretch", [64 << 10, 1 << 20])
def test_a_sample_has_the_lines_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, multiline: str, stretch: int
) -> None:
    monkeypatch.setattr(sampling, "_LEAST_STRETCH_BYTES", stretch)
    path = tmp_path / ("app.log.gz" if packed else "app.log")
    content = log(1)
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    spec = SourceSpec((str(path),), multiline=multiline)  # type: ignore[arg-type]
    whole = Counter(lines_of(list(read_events(path, spec))))
    runs = list(read_share(Extent(path), spec, size_of(path), SHARE))
    assert all(run.data.endswith(b"\n") for run in runs)
    sampled = Counter(lines_of([(run.data, run.inner) for run in runs]))
    assert sampled.total() > 50
    assert not sampled - whole
    assert max(map(len, sampled)) == MAX_LINE_BYTES + 1


def test_a_file_that_is_one_line_is_one_cut_line(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * (9 << 20))
    runs = list(read_share(Extent(path), SourceSpec((str(path),)), size_of(path), SHARE))
    assert [run.data for run in runs] == [b"x" * MAX_LINE_BYTES + b"\n"]
