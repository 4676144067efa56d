"""What differs between two baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logwatchd.scoring.comparison import changes, gained, verdict_changes
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import unit_rows
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.sightings import Sightings
from logwatchd.vectors import Vectors
from tests.scoring.making import FAULT, NORMAL, block_of, learn


class Letters:
    """Another vector space: how often each letter stands in a text."""

    name, dimensions, remote = "letters", 26, False

    def embed(self, texts: Sequence[str]) -> Vectors:
        counts = [[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts]
        return unit_rows(np.array(counts, dtype=np.float32))


def seen(lines: list[str]) -> Sightings:
    sightings = Sightings()
    sightings.add(block_of(lines), (), frozenset(), "x.log", 1)
    return sightings


def test_patterns_gained_and_lost_are_the_difference_most_frequent_first() -> None:
    old, new = learn(NORMAL * 2), learn([*NORMAL[1:], "INFO new 1", "INFO newer", "INFO newer"])
    assert gained(old, new) == [("INFO newer", 2), ("INFO new <N>", 1)]
    assert gained(new, old) == [("INFO user <N> logged in from <IP>", 2)]
    assert gained(old, old) == []


def test_only_what_differs_is_a_change() -> None:
    old, new = learn(threshold=0.3), learn(threshold=0.4)
    assert [(change.name, change.old, change.new) for change in changes(old.manifest, new.manifest)] == [
        ("threshold", 0.3, 0.4)
    ]
    assert changes(old.manifest, old.manifest) == ()


def test_a_text_that_was_learned_meanwhile_turns_normal_and_back() -> None:
    embed = LocalEmbedder().embed
    before, after = Detector(learn(NORMAL * 50)), Detector(learn([*NORMAL * 50, FAULT]))
    texts = seen([FAULT, NORMAL[0], FAULT, "INFO user 3 logged out"]).texts
    (turned,) = verdict_changes((before, embed), (after, embed), texts)
    assert (turned.old.anomaly, turned.new.anomaly, turned.sighting.lines, turned.sighting.line) == (True, False, 2, 1)
    (back,) = verdict_changes((after, embed), (before, embed), texts)
    assert back.new.anomaly
    assert verdict_changes((after, embed), (after, embed), texts) == []


def test_each_baseline_is_judged_by_vectors_of_its_own_embedder() -> None:
    letters = Letters()
    before = Detector(learn(NORMAL * 50))
    after = Detector(learn(NORMAL * 50, embedder=letters, threshold=0.9))  # letters alone hardly tell texts apart
    (turned,) = verdict_changes((before, LocalEmbedder().embed), (after, letters.embed), seen([FAULT]).texts)
    assert turned.old.anomaly
    assert not turned.new.anomaly


def test_an_embedder_that_both_share_is_asked_once() -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> Vectors:
        asked.extend(texts)
        return LocalEmbedder().embed(texts)

    before, after = Detector(learn(NORMAL * 50)), Detector(learn(NORMAL[1:] * 50))
    verdict_changes((before, embed), (after, embed), seen([FAULT, *NORMAL]).texts)
    assert sorted(asked) == sorted(
        ["ERROR sqlite<N>.OperationalError: database is locked", "INFO user <N> logged in from <IP>"]
    )
