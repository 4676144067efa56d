"""What tests of the installed daemon share: one installation, booted anew by each."""

from __future__ import annotations

import pytest

from tests.daemon.bed import Machine, why_not


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if reason := why_not():
        pytest.skip(reason)
    return Machine(tmp_path_factory.mktemp("machine"))
