"""That a dead node costs two pages; what other faults cost, `python -m tests.engines.pages_of_faults` counts."""

from __future__ import annotations

import pytest

from tests.engines import icinga_pair, nagios_pair
from tests.engines.faults_paged import FAULTS
from tests.engines.pages_of_faults import ENGINES, is_as_wanted, row

WHY_NOT = nagios_pair.why_not() or icinga_pair.why_not()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dead_node_is_told_by_its_host_check_and_by_the_mirror_that_is_gone(
    tmp_path_factory: pytest.TempPathFactory, engine: str
) -> None:
    fault = FAULTS[0]
    pages = ENGINES[engine](tmp_path_factory.mktemp("p"), fault)
    assert is_as_wanted(engine, fault, pages), row(engine, fault, pages)
