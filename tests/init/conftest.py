"""Pairs of these tests."""

from __future__ import annotations

import pytest

from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.pair import Pair


@pytest.fixture(scope="package")
def healthy() -> Pair:
    """In service; no test changes it."""
    return healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)
