"""The user's own masks: by block the same as line by line, and never beyond a line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logwatchd.parsing.masks import masked
from logwatchd.records import Mask
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.lexicon import Lexicon
from tests.scoring.making import block_of, learn

ORDER = Mask("order", r"ORD-[A-Z]{2}\w+", "<ORDER>")
PATTERNS = st.sampled_from(
    [r"a+", r"a\s+b", r"[^x]+", r"^a", r"b$", r"(?<=a)b", r"a(?=\s)", r"\bab\b", r"a.*?b", r"(?s:a.b)", r"x|a\nb"]
)
LINES = st.lists(st.text(st.sampled_from("abx \t"), max_size=12), max_size=8)


@given(LINES, st.lists(PATTERNS, min_size=1, max_size=3))
def test_a_block_gives_what_its_lines_give(lines: list[str], patterns: list[str]) -> None:
    masks = tuple(Mask(f"m{i}", pattern, "<M>") for i, pattern in enumerate(patterns))
    block = block_of(lines)
    assert masked(block, masks) == b"".join(masked(line.encode(), masks) + b"\n" for line in lines)
    assert masked(block, masks).count(b"\n") == len(lines)


def test_a_masked_place_is_the_same_whatever_stands_there() -> None:
    lexicon = Lexicon((ORDER,))
    ids = lexicon.ids_of(block_of(["paid ORD-ABxyz now", "paid ORD-CDq77 now", "paid nothing now"])).tolist()
    assert ids[0] == ids[1] != ids[2]
    assert lexicon.patterns[ids[0]] == "paid <ORDER> now"


def test_lines_are_judged_through_the_masks_that_their_baseline_was_made_with() -> None:
    lines = ["INFO paid ORD-ABxyz in time", "INFO order is on its way"] * 50
    for masks, known in (((ORDER,), True), ((), False)):
        judge = Judge(Detector(learn(lines, masks=masks)))
        ids = judge.ids_of(block_of(["INFO paid ORD-ZZtop in time"])).tolist()
        assert (judge.undecided(ids, frozenset()) == []) is known
