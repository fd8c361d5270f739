"""The store that most tests of this directory begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.state.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A state directory that does not exist yet."""
    return Store(str(tmp_path / "state"))
