"""How worrying a text is by its writer's own words, and how that weighs on its novelty.

Novelty alone says that a text is unlike what is known; most new texts are harmless. The level that its writer gave it
and the words of failure in it are further evidence, added to the novelty as weights of evidence are (I. J. Good,
Probability and the Weighing of Evidence, 1950): on the scale of log-odds. So a known text stays at 0 whatever its
level, nothing leaves the range of 0 to 1, and the score grows with the novelty and with the concern. With levels
switched off, the score is the novelty.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.alarm import is_alarming, is_failed_answer, refusal, without_refusals
from logwatchd.parsing.failing import counts_failures, exit_code, without_failures
from logwatchd.records import Level

_BY_LEVEL = {
    Level.FATAL: 1.5,
    Level.CRITICAL: 1.5,
    Level.ERROR: 1.0,
    Level.WARNING: 0.25,
    Level.UNKNOWN: 0.0,
    Level.NOTICE: -0.5,
    Level.INFO: -1.0,
    Level.DEBUG: -1.5,
    Level.TRACE: -1.5,
}
_ALARM = 1.0  # words of failure in a text whose level is below ERROR
# More for numbers that say so, for of a long text one number is all that a failure changes then, .02 to .1 of novelty
# in an access log: for a 5xx, and the exit code of what was killed or could not be run; half for other exit codes, and
# for counts of failures, which often sum up what was told before.
_FAILED, _COUNTED = 2.0, 1.0
_KILLED = 125  # and above: the codes of shells and containers for what could not be run or was killed, and -1
_RAISED = 0.5  # for each unit by which it is more worrying than what is known around it
_LEAST = 0.03  # novelty of a text that is known but for such numbers, which are 0 there: nearly nothing in a long one
_LEAST_REFUSED = 0.08  # for a 4xx that was never given: over the threshold of a long log without other news
_TINY = 1e-6


class Concern(NamedTuple):
    """level: log-odds, natural, by the writer's level; above 0 for what is written when something is wrong.

    alarming: words of failure in a text whose level does not say so already. failed: log-odds, for a 5xx status, an
    exit code or a count of failures.
    """

    level: float
    alarming: bool
    failed: float = 0.0

    @property
    def total(self) -> float:
        return self.level + (_ALARM if self.alarming else 0.0)


def concern_of(level: Level, pattern: str) -> Concern:
    """How worrying a text is by its own words."""
    code = exit_code(pattern)
    failed = 0.0
    if code >= _KILLED or is_failed_answer(pattern):
        failed = _FAILED
    elif code or counts_failures(pattern):
        failed = _COUNTED
    return Concern(_BY_LEVEL[level], level < Level.ERROR and is_alarming(pattern), failed)


def evidence_of(concern: Concern, known: Concern) -> float:
    """Log-odds by which a text's novelty is raised or lowered.

    Args:
        concern: the text's. known: that of the known texts nearest to it: an ERROR where so far only INFO was written
            is more telling than one more among other ERRORs, and words of failure that they have as well tell nothing,
            nor does a number where one of theirs weighs as much.
    """
    words = _ALARM if concern.alarming and not known.alarming else 0.0
    words += max(0.0, concern.failed - known.failed)
    return concern.level + words + _RAISED * max(0.0, concern.total - known.total)


def refusals_of(known: Iterable[str]) -> frozenset[str]:
    """Which 4xx statuses known texts name."""
    return frozenset(map(refusal, known))


def least_novelty(concern: Concern, pattern: str, known: Container[str], refusals: Container[str]) -> float:
    """How new a text is, however long, that is known but for an exit code or counts of failures, which are 0 there.

    Or but for a 4xx status that no known text names, which is 200 there. refusals: see `refusals_of`.
    """
    if concern.failed and without_failures(pattern) in known:
        return _LEAST
    status = refusal(pattern)
    return _LEAST_REFUSED if status and status not in refusals and without_refusals(pattern) in known else 0.0


def score_of(novelty: float, evidence: float) -> float:
    """The score, 0 to 1, of one text."""
    if novelty <= 0.0 or novelty >= 1.0:
        return min(1.0, max(0.0, novelty))
    return 1.0 / (1.0 + (1.0 - novelty) / novelty * math.exp(-evidence))


def scores_of(novelties: NDArray[np.float32], evidence: NDArray[np.float32]) -> NDArray[np.float64]:
    """The same for many texts, (N,)."""
    novelties = np.clip(novelties.astype(np.float64), 0.0, 1.0 - _TINY)
    odds = novelties / (1.0 - novelties) * np.exp(evidence.astype(np.float64))
    return odds / (1.0 + odds)
