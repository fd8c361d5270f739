"""The state directory of both nodes of a pair, in memory where the machine has such."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.failover.installed_pair import state_directory


@pytest.fixture
def state() -> Iterator[Path]:
    """Empty, and gone after the test."""
    with state_directory() as directory:
        yield directory
