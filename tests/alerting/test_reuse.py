"""When an analysis serves again: for what is near in meaning, of the same service, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from logwatchd.alerting.reuse import NEAR, Analyses
from logwatchd.records import Analysis, Severity
from logwatchd.vectors import Vectors
from tests.alerting.builders import direction

WORDS = Analysis("The disk is full.", Severity.P2, "Look at df.", "claude-opus-4-6")
FULL = direction("disk is full")


def turned(similarity: float) -> Vectors:
    """A unit vector of so much cosine with FULL."""
    other = direction("else")
    other -= (other @ FULL) * FULL
    other /= np.linalg.norm(other)
    return (similarity * FULL + np.sqrt(1 - similarity**2) * other).astype(np.float32)


def test_it_serves_for_what_is_near_in_the_same_service_and_for_its_time() -> None:
    made = Analyses()
    assert made.near(("shop", FULL), 100.0, 60.0) is None
    made.remember("a1", ("shop", FULL), WORDS, now=100.0)
    assert made.near(("shop", turned(NEAR + 0.01)), 160.0, 60.0) == replace(WORDS, reused_from="a1")
    assert made.near(("shop", turned(NEAR - 0.01)), 160.0, 60.0) is None
    assert made.near(("shop", FULL), 161.0, 60.0) is None
    assert made.near(("mail", FULL), 100.0, 60.0) is None
    assert made.near(("shop", direction("disk is full", 32)), 100.0, 60.0) is None
    assert made.near(None, 100.0, 60.0) is None


def test_the_nearest_of_several_serves() -> None:
    made = Analyses()
    for number, similarity in enumerate((0.92, 0.99, 0.95)):
        made.remember(f"a{number}", ("shop", turned(similarity)), WORDS, now=100.0)
    found = made.near(("shop", FULL), 100.0, 60.0)
    assert found is not None
    assert found.reused_from == "a1"


def test_what_tells_no_cause_or_is_over_already_serves_nobody() -> None:
    made = Analyses()
    made.remember("a1", ("shop", FULL), replace(WORDS, conclusive=False), now=100.0)
    made.remember("a2", None, WORDS, now=100.0)
    assert made.near(("shop", FULL), 100.0, 60.0) is None
