"""From a configuration to what judges lines: what does not belong together is refused with the mend."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from logwatchd import config
from logwatchd.assembly import scoring_of
from logwatchd.errors import BaselineError, Exit
from logwatchd.records import Level, Mask
from logwatchd.scoring.baseline import save
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.warming import lacks_baseline
from tests.helpers import ROOT_ONLY, nobody
from tests.scoring.making import NORMAL, learn

MASK = "[[mask]]\nname = 'order'\npattern = 'ORD-\\w+'\ntoken = '<ORDER>'\n"
STAMPED = [f"2026-01-{day:02d} 00:00:00 INFO job {kind}" for day in range(1, 29) for kind in ("begun", "done")]


def configured(tmp_path: Path, more: str) -> config.Config:
    file = tmp_path / "c.toml"
    start = f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["/var/log/app.log"]\n'
    file.write_text(start + f'[baseline]\npath = "{tmp_path}/b"\n' + more)
    return config.load(file)


def test_a_baseline_of_other_masks_is_refused(tmp_path: Path) -> None:
    save(learn(), tmp_path / "b")
    scoring_of(configured(tmp_path, ""))
    with pytest.raises(BaselineError, match=r"/b: made with other masks .*\[\[mask\]\].*build it again"):
        scoring_of(configured(tmp_path, MASK))
    save(learn(masks=(Mask("order", r"ORD-\w+", "<ORDER>"),)), tmp_path / "b")
    scoring_of(configured(tmp_path, MASK))


def test_a_target_in_alerts_a_day_sets_the_threshold(tmp_path: Path) -> None:
    news = ["2026-01-26 00:00:00 INFO cache emptied", "2026-01-27 00:00:00 ERROR disk sda is slow"]
    save(learn([*STAMPED[:-4], *news, *STAMPED[-4:]]), tmp_path / "b")
    many, few = (
        scoring_of(configured(tmp_path, f"alerts_per_day = {target}\n")).detector.thresholds.common
        for target in (50, 0.01)
    )
    assert many < few < 1


def test_a_target_without_timestamps_is_refused(tmp_path: Path) -> None:
    save(learn([*NORMAL * 50, "ERROR job lost", *NORMAL]), tmp_path / "b")
    with pytest.raises(BaselineError, match=r"no timestamps.*baseline\.threshold"):
        scoring_of(configured(tmp_path, "alerts_per_day = 5\n"))


def test_levels_weigh_unless_they_are_switched_off(tmp_path: Path) -> None:
    save(learn(), tmp_path / "b")
    text = "ERROR cache miss for key <N>, disk is slow"
    vector = LocalEmbedder().embed([text])
    weighed, plain = (
        scoring_of(configured(tmp_path, more)).detector.judge([text], [Level.ERROR], vector)[0]
        for more in ("", "weigh_levels = false\n")
    )
    assert weighed.score > weighed.novelty == plain.novelty == plain.score


@ROOT_ONLY
@pytest.mark.parametrize("closed", ["folder", "file"])
@pytest.mark.parametrize("warmup", ["24h", "off"])
def test_a_baseline_that_this_user_may_not_look_at_is_refused_and_not_learned_anew(closed: str, warmup: str) -> None:
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        found = configured(folder, f"warmup = '{warmup}'\n")
        save(learn(), folder / "b")
        folder.chmod(0o700 if closed == "folder" else 0o755)
        (folder / "b").chmod(0o600 if closed == "file" else 0o644)
        with nobody():
            assert not lacks_baseline(found)
            with pytest.raises(BaselineError) as refused:
                scoring_of(found)
    assert str(refused.value) == (
        f"baseline.path = {folder}/b: the baseline cannot be read: Permission denied; "
        "let this user read it and enter each folder above it"
    )
    assert refused.value.exit_code is Exit.CONFIG
