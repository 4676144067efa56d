"""The baseline: what is built, and the one file that holds it."""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from logwatchd.errors import BaselineError, Exit
from logwatchd.parsing.normalise import NORMALISER_VERSION
from logwatchd.records import Level
from logwatchd.scoring.baseline import FORMAT, check_fits, load, save
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.clustering import cluster
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import unit_rows
from logwatchd.scoring.knowledge import knowledge_of, merged
from logwatchd.scoring.local import LocalEmbedder
from tests.scoring.making import FAULT, NORMAL, block_of, damaged_header, learn, rewrite_manifest


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    baseline = learn()
    save(baseline, tmp_path / "b")
    again = load(tmp_path / "b")
    assert again.manifest == baseline.manifest
    assert again.patterns == baseline.patterns
    assert again.examples == baseline.examples
    assert np.array_equal(again.centroids, baseline.centroids)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_the_manifest_says_what_it_was_made_of() -> None:
    manifest = learn().manifest
    assert (manifest.embedder, manifest.dimensions, manifest.lines) == ("local-1", 1024, 500)
    assert manifest.patterns == manifest.centroids == len(NORMAL)
    assert manifest.threshold_mode == "auto"
    assert manifest.held_out_new_texts == 0


def test_counts_weights_and_examples_follow_the_lines() -> None:
    baseline = learn(NORMAL * 3 + NORMAL[:1] * 5)
    assert sum(baseline.patterns.values()) == int(baseline.weights.sum()) == 20
    assert baseline.patterns["INFO user <N> logged in from <IP>"] == 8
    assert all(1 <= len(group) <= 3 for group in baseline.examples)


def test_debug_lines_are_not_learned() -> None:
    baseline = learn([*NORMAL * 10, "DEBUG cache warm"])
    assert "DEBUG cache warm" not in baseline.patterns


def test_nothing_to_learn_is_one_clear_line() -> None:
    with pytest.raises(BaselineError, match="none of them had anything to learn"):
        learn(["", "   "])


@pytest.mark.parametrize("wanted", [1, 2, 5])
def test_fewer_centroids_than_texts_keep_every_text_within_a_radius(wanted: int) -> None:
    baseline = learn(clusters=wanted)
    assert len(baseline.centroids) == wanted
    if wanted < len(NORMAL):
        assert baseline.radii.max() > 0


@settings(max_examples=25)
@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_every_member_lies_within_the_radius_of_its_nearest_or_own_centroid(n: int, wanted: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng.normal(size=(n, 8)).astype(np.float32))
    counts = rng.integers(1, 1000, n)
    groups = cluster(vectors, counts, wanted)
    assert len(groups.centroids) <= min(n, wanted)
    assert int(groups.weights.sum()) == int(counts.sum())
    distances = 1 - vectors @ groups.centroids.T
    assert np.all((distances <= groups.radii + 1e-5).any(axis=1))
    assert np.all([1 <= len(members) <= 3 for members in groups.members])


def test_fewer_different_vectors_than_centroids_are_no_warning() -> None:
    vectors = np.repeat(np.eye(5, 8, dtype=np.float32), 6, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        groups = cluster(vectors, np.ones(30, np.int64), 20)
    assert 5 <= len(groups.centroids) <= 20
    assert np.allclose((vectors @ groups.centroids.T).max(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("wanted", [None, 5])
def test_a_text_of_which_an_embedder_knows_no_word_makes_nothing_else_known(wanted: int | None) -> None:
    """Its vector is zero, at distance 1 from everything: as a radius that would hide whatever is nearest to it."""
    vectors = unit_rows(np.random.default_rng(3).standard_normal((60, 16)).astype(np.float32))
    vectors[7] = 0.0
    groups = cluster(vectors, np.ones(60, np.int64), wanted)
    assert groups.radii.max() < 0.95


def test_each_log_is_split_by_its_own_time() -> None:
    """Logs of different kinds in a row must not make the last one the held-out part of all."""
    one = [f"INFO user {chr(97 + i % 26) * 3} came" for i in range(200)]
    other = ["WARNING cache is cold", "WARNING cache is warm"] * 100
    builder = BaselineBuilder()
    for name, lines in (("one", one), ("other", other)):
        builder.add(block_of(lines), log=name)
    embedder = LocalEmbedder()
    built = builder.build(
        embedder.embed, embedder, clusters=None, threshold=None, sources=[], built_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert built.manifest.held_out_lines == 120
    assert built.manifest.held_out_new_texts == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_and_never_runs_code(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "b"
    if not (tmp_path / "good").exists():
        save(learn(), tmp_path / "good")
    content = bytearray((tmp_path / "good").read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    file.write_bytes(bytes(content))
    refusal = None
    try:
        baseline = load(file)  # a flipped bit may fall where nothing reads it
    except BaselineError as error:
        refusal = str(error)
    if refusal is None:
        assert len(baseline.centroids) == baseline.manifest.centroids
    else:
        assert str(file) in refusal
        assert "\n" not in refusal


def _flags(content: bytes, bit: int, *headers: bytes) -> bytes:
    """Set a flag of every member, in its local header or the central one."""
    changed = bytearray(content)
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(header)
        while at >= 0 and header in headers:
            changed[at + offset] |= bit
            at = changed.find(header, at + 1)
    return bytes(changed)


def _with_array(content: bytes, name: str, array: NDArray[Any]) -> bytes:
    with np.load(io.BytesIO(content)) as archive:
        parts = {name: archive[name] for name in archive.files}
    out = io.BytesIO()
    np.savez(out, **parts | {name: array})
    return out.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        damaged_header,  # tokenize.TokenError
        lambda good: _flags(good, 0x20, b"PK\x01\x02"),  # NotImplementedError: patched data
        lambda good: _flags(good, 0x01, b"PK\x03\x04", b"PK\x01\x02"),  # RuntimeError: encrypted
        lambda good: _with_array(good, "texts", np.frombuffer(b"[" * 100_000, np.uint8)),  # RecursionError
        lambda good: _with_array(good, "radii", np.float32(1)),  # TypeError: it has no length
    ],
)
def test_whatever_the_libraries_raise_over_a_file_it_is_a_damaged_baseline(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "b"
    save(learn(), file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(BaselineError, match=r"b: not a baseline, or damaged \(\w+\); build it again$"):
        load(file)


def test_a_pickle_is_not_a_baseline(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    (tmp_path / "b").write_bytes(pickle.dumps({"centroids": [trap]}))
    np.savez(tmp_path / "objects.npz", manifest=np.array([{"a": 1}], dtype=object))
    for name in ("b", "objects.npz"):
        with pytest.raises(BaselineError, match="not a baseline"):
            load(tmp_path / name)


def test_a_missing_file_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="baseline build"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 99}, "format 99"),
        ({"normaliser": 8}, "do not agree"),
        ({"dimensions": 7}, "do not agree"),
        ({"threshold": 2.0}, "do not agree"),
        ({"sources": 5}, "damaged"),
    ],
)
def test_a_baseline_of_another_kind_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    save(learn(), tmp_path / "b")
    assert zipfile.is_zipfile(tmp_path / "b")
    rewrite_manifest(tmp_path / "b", **changes)
    with pytest.raises(BaselineError, match=words):
        load(tmp_path / "b")


def test_a_baseline_of_another_version_judges_and_passes_that_on(tmp_path: Path) -> None:
    save(learn(), tmp_path / "b")
    assert not load(tmp_path / "b").manifest.of_another_version
    rewrite_manifest(tmp_path / "b", normaliser="0-old")
    found = load(tmp_path / "b")
    assert found.manifest.of_another_version
    assert Detector(found).known(*next(zip(found.patterns, map(Level, found.levels), strict=True))) is not None
    both = merged([knowledge_of(found), knowledge_of(learn())])
    assert both.normaliser == f"0-old, {NORMALISER_VERSION}"
    assert merged([both, knowledge_of(learn())]).normaliser == both.normaliser


def test_a_baseline_of_a_format_before_learns_what_it_lacks(tmp_path: Path) -> None:
    names = ("anna", "bob", "carl", "dora", "emil", "frida", "georg", "hanna", "igor", "jana")
    saved = learn([f"INFO {name} has written to {other}" for name in names for other in names if name != other] * 3)
    assert len(saved.combinations) == 1
    save(saved, tmp_path / "b")
    with np.load(tmp_path / "b") as archive:
        parts = {name: archive[name] for name in archive.files if name != "combinations"}
    with (tmp_path / "b").open("wb") as out:
        np.savez(out, **parts)
    rewrite_manifest(tmp_path / "b", format=5)
    found = load(tmp_path / "b")
    assert found.manifest.format == FORMAT
    assert np.array_equal(found.combinations, saved.combinations)
    assert np.array_equal(found.failed, saved.failed)


def test_the_format_before_that_judges_as_it_did(tmp_path: Path) -> None:
    """Beside an error, a number that says that something failed told nothing; elsewhere it did. Places were words."""
    names = ("anna", "bob", "carl", "dora", "emil", "frida", "georg", "hanna", "igor", "jana")
    logins = [f"INFO {name} has logged in and said 'good evening'" for name in names]
    saved = learn([*NORMAL, *logins, "ERROR GET /a answered status=404"] * 100)
    assert len(saved.variables)
    save(saved, tmp_path / "b")
    with np.load(tmp_path / "b") as archive:
        parts = {name: archive[name] for name in archive.files if name != "failed"}
    parts["variables"] = np.zeros(0, dtype=np.uint64)
    with (tmp_path / "b").open("wb") as out:
        np.savez(out, **parts)
    rewrite_manifest(tmp_path / "b", format=4)
    found = load(tmp_path / "b")
    assert found.manifest.format == FORMAT
    errors = np.array([any("ERROR" in text for text in group) for group in found.examples])
    assert errors.any()
    assert np.array_equal(found.failed > 0, errors)
    assert np.array_equal(found.variables, saved.variables)
    save(found, tmp_path / "again")
    assert np.array_equal(load(tmp_path / "again").failed, found.failed)


def test_a_baseline_of_another_embedder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"'local-1'.*'openai:text-embedding-3-small'"):
        check_fits(learn(), "openai:text-embedding-3-small", None, tmp_path / "b")
    with pytest.raises(BaselineError, match="1024 dimensions"):
        check_fits(learn(), "local-1", 512, tmp_path / "b")


def test_a_folder_that_cannot_be_written_keeps_the_old_file(tmp_path: Path) -> None:
    save(learn(), tmp_path / "b")
    before = (tmp_path / "b").read_bytes()
    with pytest.raises(BaselineError, match="cannot be written"):
        save(learn([FAULT]), tmp_path / "no-such-folder" / "b")
    assert (tmp_path / "b").read_bytes() == before


def test_a_full_disk_is_nothing_that_a_configuration_mends(tiny_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        (tiny_disk / "rest").write_bytes(bytes(1 << 20))
    with pytest.raises(BaselineError, match="cannot be written: No space left on device") as raised:
        save(learn(), tiny_disk / "b")
    assert raised.value.exit_code is Exit.FAILED
    assert [file.name for file in tiny_disk.iterdir()] == ["rest"]


def test_a_baseline_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        learn().manifest = None  # type: ignore[misc,assignment]


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    """A FIFO without a writer would hold up a reload for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(BaselineError, match=r"no regular file.*baseline build"):
            load(path)
