from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs


@pytest.fixture
def entries() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged during the test, by structlog's own recorder; `event` is the Event member."""
    with capture_logs() as captured:
        yield captured
