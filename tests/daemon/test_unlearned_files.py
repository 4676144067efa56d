"""Which files a glob stands for of which the baseline learned nothing."""

from __future__ import annotations

import pytest

from tests.daemon.process import Daemon

pytestmark = pytest.mark.slow


def test_a_glob_that_taught_nothing_is_told_with_its_files(daemon: Daemon) -> None:
    (daemon.folder / "new").mkdir()
    for name in ("a.log", "b.log"):
        (daemon.folder / "new" / name).touch()
    daemon.write_config(paths=[f"{daemon.folder}/new/*.log", "/nowhere/*.log"])
    daemon.start()
    daemon.wait(lambda: len(daemon.events("SOURCE_UNLEARNED")) == 2, "the warnings")
    told = {entry["source"]: entry.get("files") for entry in daemon.events("SOURCE_UNLEARNED")}
    folder = f"{daemon.folder}/new"
    assert told == {f"{folder}/*.log": [f"{folder}/a.log", f"{folder}/b.log"], "/nowhere/*.log": None}
    assert daemon.stop() == 0
