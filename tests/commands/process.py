"""logwatchd as a process, for the tests of its commands."""

from __future__ import annotations

import os
import subprocess
import sys


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
