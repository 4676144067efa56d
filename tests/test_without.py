"""Imports as if a package were not installed."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from logwatchd.without import without


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A made-up package with a module in it, which is not imported yet."""
    (tmp_path / "made_up_nice").mkdir()
    for name in ("__init__.py", "inner.py"):
        (tmp_path / "made_up_nice" / name).write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("made_up_nice", "made_up_nice.inner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "made_up_nice"


def test_it_is_not_found_and_then_is(package: str) -> None:
    with without(package, "made_up_other"):
        for name in (package, f"{package}.inner"):
            with pytest.raises(ModuleNotFoundError, match=f"No module named '{package}'"):
                importlib.import_module(name)
        importlib.import_module("this")
    assert importlib.import_module(f"{package}.inner").__name__ == f"{package}.inner"


def test_what_is_imported_already_stays(package: str) -> None:
    found = importlib.import_module(package)
    with without(package):
        assert importlib.import_module(package) is found


def test_another_thread_finds_it(package: str) -> None:
    found = []
    with without(package):
        thread = threading.Thread(target=lambda: found.append(importlib.import_module(package)))
        thread.start()
        thread.join()
    assert [module.__name__ for module in found] == [package]


def test_what_is_logged_needs_no_rich() -> None:
    """structlog would import it, for tracebacks that the journal makes itself; it can be had all the same."""
    script = (
        "import sys\nfrom logwatchd.journal import Event, configure, logger\nconfigure('json')\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logger('part').exception(Event.READY)\n"
        "assert 'structlog' in sys.modules\nassert 'rich' not in sys.modules\nimport rich.console\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ZeroDivisionError: division by zero" in done.stdout
