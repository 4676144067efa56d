"""How much of each file is read, and that what is read of one are whole events of it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logwatchd.errors import UnpackError, UsageError
from logwatchd.ingest import sampling, stretches
from logwatchd.ingest.offline import read_events
from logwatchd.ingest.sampling import shares, stretch_of, wanted
from logwatchd.ingest.stretches import Extent, Run, read_share, size_of
from logwatchd.records import SourceSpec

SIZES = st.lists(st.integers(0, 10**12), max_size=12)
TRACE = 'ERROR no answer {0}\nTraceback (most recent call last):\n  File "a{0}.py", line 3, in f\nOSError: gone {0}\n'
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@given(SIZES, st.integers(0, 10**12))
def test_shares_fit_the_budget_and_no_larger_file_gets_less(sizes: list[int], budget: int) -> None:
    found = shares(sizes, budget)
    assert sum(found) <= budget
    assert all(0 <= share <= size for share, size in zip(found, sizes, strict=True))
    by_size = sorted(zip(sizes, found, strict=True))
    assert [share for _, share in by_size] == sorted(found)
    if sum(sizes) <= budget:
        assert found == sizes
    elif sizes:
        assert budget - sum(found) < len(sizes)  # nothing is left over


def test_small_files_are_read_whole_beside_a_huge_one() -> None:
    assert shares([10, 1000, 20], 100) == [10, 70, 20]


@given(st.integers(1, 500), st.integers(1, 500))
def test_stretches_keep_step_with_the_position(count: int, share: int) -> None:
    taken, chosen = 0, []
    for number in range(count):
        if wanted(number / count, taken, share):
            taken += 1
            chosen.append(number)
    assert chosen[0] == 0
    assert taken <= share + 1
    gaps = [b - a for a, b in zip(chosen, [*chosen[1:], count], strict=True)]
    assert max(gaps) - min(gaps[:-1] or gaps) <= max(1, count // share) + 1


@given(st.integers(0, 1 << 40))
def test_a_stretch_is_aligned_and_bounded(share: int) -> None:
    assert stretch_of(share) % 4 == 0
    assert sampling._LEAST_STRETCH_BYTES <= stretch_of(share) <= sampling.STRETCH_BYTES


@pytest.fixture(scope="module", autouse=True)
def short_stretches() -> object:
    """Stretches of 1 KiB and events of at most two, so that small files have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "_LEAST_STRETCH_BYTES", 1024)
        patch.setattr(stretches, "MAX_EVENT_BYTES", 2048)
        yield


def events_of(data: bytes, inner: tuple[int, ...]) -> list[bytes]:
    """Each event with its inner newlines."""
    found, begin, within = [], 0, set(inner)
    for at, byte in enumerate(data):
        if byte == 0x0A and at not in within:
            found.append(data[begin : at + 1])
            begin = at + 1
    assert begin == len(data)
    return found


def whole(path: Path, spec: SourceSpec) -> list[bytes]:
    return [event for data, inner in read_events(path, spec) for event in events_of(data, inner)]


def sampled(path: Path, spec: SourceSpec, share: int) -> tuple[list[Run], Extent]:
    extent = Extent(path)
    return list(read_share(extent, spec, size_of(path), share)), extent


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(
        st.sampled_from(["INFO user {0} came\n", "\n", TRACE, "WARNING \u00e4\u20ac {0}\n"]), min_size=1, max_size=150
    ),
    share=st.integers(0, 4000),
    packer=st.sampled_from(sorted(PACKERS)),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "latin-1"]),
    multiline=st.sampled_from(["auto", "off"]),
    ended=st.booleans(),
)
def test_what_is_read_are_events_of_the_whole_file_each_once_with_beginning_and_end(
    tmp_path: Path, pieces: list[str], share: int, packer: str, encoding: str, multiline: str, ended: bool
) -> None:
    text = "".join(piece.format(number) for number, piece in enumerate(pieces))
    text = text if ended else text.rstrip("\n") + "\nlast"
    path = tmp_path / f"app.log{packer}"
    content = text.encode(encoding, "replace")
    path.write_bytes(PACKERS[packer](content))
    spec = SourceSpec((str(path),), encoding=encoding, multiline=multiline)  # type: ignore[arg-type]
    runs, extent = sampled(path, spec, share)
    every = whole(path, spec)
    part = [event for run in runs for event in events_of(run.data, run.inner)]
    rest = iter(every)
    assert all(event in rest for event in part)  # in order, none twice
    assert part[-1] == every[-1]
    assert part[0] == every[0] or len(content) == 0
    if packer == "":
        assert extent.of_bytes >= len(content.removesuffix(b"\n"))
    if share >= size_of(path):
        assert part == every


@pytest.mark.parametrize("packer", sorted(PACKERS))
def test_a_share_is_kept_to_and_spread_over_the_file(tmp_path: Path, packer: str) -> None:
    lines = [f"INFO line {number:06}\n".encode() for number in range(20_000)]
    path = tmp_path / f"app.log{packer}"
    path.write_bytes(PACKERS[packer](b"".join(lines)))
    size = sum(map(len, lines))
    extent, told = Extent(path), []
    runs = list(read_share(extent, SourceSpec((str(path),)), size, size // 10, told.append))
    part = b"".join(run.data for run in runs).splitlines(keepends=True)
    assert extent.of_bytes == size
    assert extent.read_bytes <= size // 10 + 2 * stretch_of(size // 10)
    assert abs(len(part) - len(lines) * extent.read_bytes / size) <= len(runs)
    numbers = [int(line.split()[-1]) for line in part]
    assert (numbers[0], numbers[-1]) == (0, len(lines) - 1)
    if packer == "":  # how far a compressed file is read is only known by the block of its packed bytes
        assert max(b - a for a, b in pairwise(numbers)) < 20_000 / 20
    assert all(run.line is None for run in runs)
    content = b"".join(lines)
    assert all(content[run.at : run.at + len(run.data)] == run.data for run in runs)
    assert sum(told) == size


def test_a_file_that_is_read_whole_has_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\nb\n" * 600_000)
    runs, extent = sampled(tmp_path / "x", SourceSpec(("x",)), 10**9)
    assert len(runs) > 1
    assert runs[1].line == runs[0].data.count(b"\n") + 1
    assert extent.read_bytes == extent.of_bytes == 2_400_000


def test_a_damaged_compressed_file_is_one_clear_line(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"INFO line\n" * 100 + bytes(range(256)) * 5000))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "x.gz").write_bytes(packed[:-300])
    for share in (10, 10**9):
        with pytest.raises(UsageError, match=r"x\.gz: cannot be read"):
            sampled(tmp_path / "x.gz", SourceSpec(("x",)), share)


@pytest.mark.parametrize("packer", sorted(set(PACKERS) - {""}))
@pytest.mark.parametrize("share", [500_000, 10**9])
def test_of_a_damaged_file_all_whole_lines_that_can_be_unpacked_come_first(
    packer: str, share: int, tmp_path: Path
) -> None:
    lines = [f"INFO {hashlib.sha256(bytes([number % 251, number // 251])).hexdigest()}\n" for number in range(60_000)]
    path, content = tmp_path / f"x{packer}", "".join(lines).encode()
    packed = PACKERS[packer](content)
    path.write_bytes(packed[: len(packed) * 7 // 10])
    runs: list[Run] = []
    with pytest.raises(UnpackError, match="cannot be read"):
        runs.extend(read_share(Extent(path), SourceSpec((str(path),), multiline="off"), size_of(path), share))
    got = b"".join(run.data for run in runs)
    assert got.endswith(b"\n")
    if share > len(content):
        assert content.startswith(got)
        assert len(got) > len(content) * (0.5 if packer == ".bz2" else 0.69)  # bzip2's blocks are long
    else:
        assert set(got.splitlines(keepends=True)) <= set(content.splitlines(keepends=True))
