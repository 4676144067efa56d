"""logwatchd as a process, for the tests of its commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import NORMAL, block_of


def logwatchd(
    *args: object, env: dict[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "logwatchd", *map(str, args)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        timeout=120,
        check=False,
    )


def local_baseline(folder: Path, lines: Sequence[str] = NORMAL * 300) -> Path:
    """What was learned of these in the folder's good.log."""
    (folder / "good.log").write_bytes(block_of(lines))
    built = logwatchd("baseline", "build", "--output", folder / "b", folder / "good.log")
    assert built.returncode == 0, built.stderr
    return folder / "b"


def remote_baseline(folder: Path, service: FakeOpenAI) -> Path:
    """What was learned of `NORMAL` in the folder's good.log, with the embeddings of a service."""
    log, config = folder / "good.log", folder / "c.toml"
    log.write_bytes(block_of(NORMAL * 100))
    config.write_text(f'state_dir = "{folder}"\n[[source]]\npaths = ["{log}"]\n[embedder]\nprovider = "openai"\n')
    built = logwatchd("baseline", "build", "--output", folder / "b", "--config", config, env=service.env)
    assert built.returncode == 0, built.stderr
    return folder / "b"
