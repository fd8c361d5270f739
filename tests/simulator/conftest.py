"""The recorded pair in service, for tests that begin with it."""

from __future__ import annotations

import pytest

from simulator.node import Node
from simulator.pair import Pair


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.bring_up()
    return pair


@pytest.fixture
def node(pair: Pair) -> Node:
    return pair.nodes["nfs001"]
