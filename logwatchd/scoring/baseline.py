"""A baseline: what is normal, as an immutable snapshot, and the one file that holds it."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logwatchd.errors import BaselineDiskError, BaselineError, is_of_disk, no_access
from logwatchd.parsing.masks import Masks
from logwatchd.parsing.normalise import NORMALISER_VERSION
from logwatchd.records import Level, Mask
from logwatchd.scoring import combinations, variables
from logwatchd.scoring.calibration import HeldOut, LearnedLog
from logwatchd.scoring.concern import concern_of
from logwatchd.vectors import Vectors

FORMAT = 6
_BEFORE = (4, 5)
_MORE = 1e6  # log-odds: than any number weighs
_ARRAYS = ("centroids", "radii", "weights", "concerns", "alarms", "failed", "levels", "variables", "combinations")
_HELD_OUT = ("patterns", "log", "novelties", "evidence")  # arrays of equal length
_PREFIX = "held_out_"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a baseline was made of and by what.

    threshold: that applies unless the configuration says otherwise; a calibrated one is for logs that were not learned
    from, see `thresholds`. threshold_mode: "auto" (calibrated), "fixed" (given) or "tuned". coverage: see
    `knowledge.Knowledge`. sources: the files it was learned from. built_at: ISO 8601, UTC. read_bytes, of_bytes: how
    much of the (unpacked) files was read. masks: the user's, which lines have to go through before they are compared
    with this baseline.
    """

    format: int
    embedder: str
    dimensions: int
    normaliser: str
    lines: int
    patterns: int
    centroids: int
    threshold: float
    threshold_mode: str
    held_out_lines: int
    held_out_new_texts: int
    coverage: float
    built_at: str
    sources: tuple[str, ...]
    logwatchd: str
    read_bytes: int = 0
    of_bytes: int = 0
    masks: Masks = ()

    @property
    def of_another_version(self) -> bool:
        """Whether its texts, or some, are not what this logwatchd makes of the lines that they came from."""
        return self.normaliser != NORMALISER_VERSION


@dataclass(frozen=True, slots=True)
class Baseline:
    """centroids: float32 (K, D), unit rows. radii: float32 (K,). weights: int64 (K,), lines each.

    concerns: float32 (K,), log-odds, by the worst level of each centroid; alarms: bool (K,), whether words of failure
    are among its patterns; failed: float32 (K,), log-odds, by the worst number in them that says that something failed;
    see `concern`. examples: up to three patterns a centroid, nearest first. patterns: every
    known-good pattern and its line count. levels: of each pattern, in the same order, a byte each. variables: uint64
    (T,), see `variables`. combinations: uint64 (C, 3), see `combinations`. held_out: what the threshold rests on.
    """

    manifest: Manifest
    centroids: Vectors
    radii: NDArray[np.float32]
    weights: NDArray[np.int64]
    concerns: NDArray[np.float32]
    alarms: NDArray[np.bool_]
    failed: NDArray[np.float32]
    examples: tuple[tuple[str, ...], ...]
    patterns: dict[str, int]
    levels: bytes
    variables: NDArray[np.uint64]
    combinations: NDArray[np.uint64]
    held_out: HeldOut

    def held_out_counts(self) -> NDArray[np.int64]:
        """How many lines each text stands for that was new in a held-out part, (k,), in the order of its arrays."""
        counts = np.fromiter(self.patterns.values(), dtype=np.int64, count=len(self.patterns))
        return counts[self.held_out.patterns]


def save(baseline: Baseline, path: Path) -> None:
    """Write the file so that a reader sees the old one or the new one, never a part.

    Raises:
        BaselineError: it cannot be written.
    """
    logs = [asdict(log) for log in baseline.held_out.logs]
    texts = {"examples": baseline.examples, "patterns": baseline.patterns, "logs": logs}
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            np.savez(
                file,
                manifest=_as_array(asdict(baseline.manifest)),
                texts=_as_array(texts),
                centroids=baseline.centroids,
                radii=baseline.radii,
                weights=baseline.weights,
                concerns=baseline.concerns,
                alarms=baseline.alarms,
                failed=baseline.failed,
                variables=baseline.variables,
                combinations=baseline.combinations,
                levels=np.frombuffer(baseline.levels, dtype=np.uint8),
                **{_PREFIX + name: getattr(baseline.held_out, name) for name in _HELD_OUT},
            )
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        kind = BaselineDiskError if is_of_disk(error) else BaselineError
        raise kind(
            f"{path}: the baseline cannot be written: {error.strerror}; name a writable folder with room in it"
        ) from None
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)  # on a full disk, and where a signal breaks it off


def load(path: Path) -> Baseline:
    """Read and check a baseline file.

    One of another version's normaliser serves, see `Manifest.of_another_version`: of 37,786 lines of 16 systems at most
    two more looked new by baselines of normalisers 4, 6, 7 and 8, and none fewer.

    Raises:
        BaselineError: it is missing, unreadable, damaged, or of another format. No code in it is ever run.
    """
    try:
        # Looked at before it is opened: a FIFO would wait for a writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise BaselineError(f"{path}: no regular file; name one that 'logwatchd baseline build' wrote")
        with np.load(path, allow_pickle=False) as archive:
            parts: dict[str, NDArray[Any]] = {name: archive[name] for name in ("manifest", "texts")}
            manifest = _manifest(json.loads(parts["manifest"].tobytes()), path)
            texts = json.loads(parts["texts"].tobytes())
            if manifest.format in _BEFORE:
                parts["combinations"] = combinations.learn([*texts["patterns"]])
                if manifest.format == min(_BEFORE):
                    parts["failed"] = _failed(archive["concerns"], archive["alarms"])
                    parts["variables"] = variables.learn([*texts["patterns"]])  # their places were words then
                manifest = replace(manifest, format=FORMAT)
            wanted = (*_ARRAYS, *(_PREFIX + name for name in _HELD_OUT))
            parts.update({name: archive[name] for name in wanted if name not in parts})
        baseline = Baseline(
            manifest=manifest,
            centroids=np.ascontiguousarray(parts["centroids"], dtype=np.float32),
            radii=np.asarray(parts["radii"], dtype=np.float32),
            weights=np.asarray(parts["weights"], dtype=np.int64),
            concerns=np.asarray(parts["concerns"], dtype=np.float32),
            alarms=np.asarray(parts["alarms"], dtype=np.bool_),
            failed=np.asarray(parts["failed"], dtype=np.float32),
            variables=np.asarray(parts["variables"], dtype=np.uint64),
            combinations=np.asarray(parts["combinations"], dtype=np.uint64),
            examples=tuple(tuple(str(text) for text in group) for group in texts["examples"]),
            patterns={str(text): int(count) for text, count in texts["patterns"].items()},
            levels=parts["levels"].astype(np.uint8).tobytes(),
            held_out=HeldOut(
                logs=tuple(LearnedLog(**log) for log in texts["logs"]),
                patterns=np.asarray(parts[_PREFIX + "patterns"], dtype=np.int32),
                log=np.asarray(parts[_PREFIX + "log"], dtype=np.int32),
                novelties=np.asarray(parts[_PREFIX + "novelties"], dtype=np.float32),
                evidence=np.asarray(parts[_PREFIX + "evidence"], dtype=np.float32),
            ),
        )
        _check_arrays(baseline, path)
    except BaselineError:
        raise
    except FileNotFoundError:
        raise BaselineError(
            f"{path}: no baseline there; learn one with 'logwatchd baseline build --output {path} KNOWN-GOOD-LOG ...'"
        ) from None
    except OSError as error:
        raise BaselineError(f"{path}: the baseline cannot be read: {no_access(error)}") from None
    except Exception as error:  # zipfile, NumPy's reader of headers and json raise all kinds over damaged bytes
        raise BaselineError(f"{path}: not a baseline, or damaged ({type(error).__name__}); build it again") from None
    return baseline


def check_fits(baseline: Baseline, embedder: str, dimensions: int | None, path: Path) -> None:
    """Refuse a baseline that this embedder's vectors cannot be compared with.

    Args:
        dimensions: of the embedder's vectors; None where only its answers will show.

    Raises:
        BaselineError: it was made by another embedder, or with other dimensions.
    """
    manifest = baseline.manifest
    if manifest.embedder != embedder:
        raise BaselineError(
            f"{path}: made with embedder '{manifest.embedder}', but the configuration says '{embedder}'; "
            "build it again or change [embedder]"
        )
    if dimensions is not None and manifest.dimensions != dimensions:
        raise BaselineError(
            f"{path}: its vectors have {manifest.dimensions} dimensions, those of '{embedder}' have {dimensions}; "
            "build it again"
        )


def _as_array(value: object) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"), dtype=np.uint8)


def _manifest(fields: dict[str, Any], path: Path) -> Manifest:
    if fields.get("format") not in (*_BEFORE, FORMAT):
        raise BaselineError(
            f"{path}: baseline format {fields.get('format')}, this logwatchd reads {FORMAT}; build it again"
        )
    masks = tuple(Mask(**mask) for mask in fields.get("masks", ()))
    return Manifest(**{**fields, "sources": tuple(fields["sources"]), "masks": masks})


def _failed(concerns: NDArray[np.float32], alarms: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Of a format that does not have it: beside errors and words of failure no number tells anything."""
    return np.where(alarms | (concerns >= concern_of(Level.ERROR, "").level), _MORE, 0.0).astype(np.float32)


def _check_arrays(baseline: Baseline, path: Path) -> None:
    rows, manifest, held_out = len(baseline.centroids), baseline.manifest, baseline.held_out
    new = len(held_out.patterns)
    good = (
        baseline.centroids.ndim == 2
        and rows > 0
        and baseline.centroids.shape == (manifest.centroids, manifest.dimensions)
        and len(baseline.radii) == len(baseline.weights) == len(baseline.examples) == rows
        and len(baseline.concerns) == len(baseline.alarms) == len(baseline.failed) == rows
        and bool(np.isfinite(baseline.centroids).all())
        and bool(np.isfinite(baseline.radii).all())
        and bool(np.isfinite(baseline.concerns).all() and np.isfinite(baseline.failed).all())
        and baseline.combinations.ndim == 2
        and baseline.combinations.shape[1] == 3
        and len(baseline.levels) == len(baseline.patterns)
        and max(baseline.levels, default=0) <= max(Level)
        and new == len(held_out.novelties) == len(held_out.evidence) == len(held_out.log)
        and held_out.texts == manifest.held_out_new_texts
        and (new == 0 or 0 <= held_out.log.min() <= held_out.log.max() < len(held_out.logs))
        and held_out.lines == manifest.held_out_lines
        and (new == 0 or 0 <= held_out.patterns.min() <= held_out.patterns.max() < len(baseline.patterns))
        and bool(np.isfinite(held_out.novelties).all() and np.isfinite(held_out.evidence).all())
        and isinstance(manifest.normaliser, str)
        and 0 <= manifest.coverage <= 1
        and 0 < manifest.threshold < 1
    )
    if not good:
        raise BaselineError(f"{path}: damaged: its arrays do not agree with its manifest; build it again")
