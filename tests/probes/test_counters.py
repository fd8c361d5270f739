"""The truth table of init_remote(), row by row, and that it does not matter which node is asked first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.counters import Relation, relation, wrote_nothing_alone
from checks.probes.hast import Metadata, Role


def dump(localcnt: int, remotecnt: int, resuid: int = 7) -> Metadata:
    return Metadata("home", 1, 1, 64, resuid, localcnt, remotecnt, Role.PRIMARY)


@pytest.mark.parametrize(
    ("primary", "secondary", "expected"),
    [
        (dump(0, 0), dump(0, 0), Relation.IN_SYNC),
        (dump(3, 5), dump(5, 3), Relation.IN_SYNC),
        (dump(1, 0), dump(0, 0), Relation.FIRST_AHEAD),
        (dump(0, 0), dump(1, 0), Relation.SECOND_AHEAD),
        (dump(1, 0), dump(1, 0), Relation.SPLIT_BRAIN),
        (dump(2, 1), dump(3, 1), Relation.SPLIT_BRAIN),
        (dump(0, 2), dump(1, 0), Relation.IMPOSSIBLE),
        (dump(0, 0), dump(0, 1), Relation.IMPOSSIBLE),
        (dump(1, 0), dump(0, 0, resuid=0), Relation.SECOND_BLANK),
        (dump(0, 0, resuid=0), dump(1, 0), Relation.FIRST_BLANK),
        (dump(0, 0, resuid=0), dump(0, 0, resuid=0), Relation.BOTH_BLANK),
        (dump(0, 0, resuid=8), dump(0, 0), Relation.OTHER_DISK),
    ],
)
def test_two_dumps_decide(primary: Metadata, secondary: Metadata, expected: Relation) -> None:
    assert relation(primary, secondary) is expected


MIRRORED = {
    Relation.FIRST_AHEAD: Relation.SECOND_AHEAD,
    Relation.SECOND_AHEAD: Relation.FIRST_AHEAD,
    Relation.FIRST_BLANK: Relation.SECOND_BLANK,
    Relation.SECOND_BLANK: Relation.FIRST_BLANK,
}
dumps = st.builds(dump, st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))


@given(dumps, dumps)
def test_it_does_not_matter_which_node_is_asked_first(first: Metadata, second: Metadata) -> None:
    stands = relation(first, second)
    assert relation(second, first) is MIRRORED.get(stands, stands)


@given(dumps, dumps)
def test_it_says_what_the_conditions_of_hastd_say(primary: Metadata, secondary: Metadata) -> None:
    """The conditions as secondary.c has them, for a primary and a secondary of one resource ID."""
    primary, secondary = primary._replace(resuid=7), secondary._replace(resuid=7)
    if secondary.localcnt > primary.remotecnt and secondary.remotecnt == primary.localcnt:
        expected = Relation.SECOND_AHEAD
    elif secondary.localcnt == primary.remotecnt and secondary.remotecnt == primary.localcnt:
        expected = Relation.IN_SYNC
    elif secondary.localcnt == primary.remotecnt and secondary.remotecnt < primary.localcnt:
        expected = Relation.FIRST_AHEAD
    elif secondary.localcnt > primary.remotecnt and primary.localcnt > secondary.remotecnt:
        expected = Relation.SPLIT_BRAIN
    else:
        expected = Relation.IMPOSSIBLE
    assert relation(primary, secondary) is expected


def test_equal_counters_above_zero_do_not_prove_that_nobody_wrote_alone() -> None:
    """A worker that was never connected compares its localcnt with 0, and at 1 raises nothing."""
    assert wrote_nothing_alone(dump(0, 0), dump(0, 0))
    assert wrote_nothing_alone(dump(1, 0), dump(0, 0))
    assert wrote_nothing_alone(dump(1, 0), dump(0, 0, resuid=0))
    assert relation(dump(0, 1), dump(1, 0)) is Relation.IN_SYNC and not wrote_nothing_alone(dump(0, 1), dump(1, 0))
    assert not wrote_nothing_alone(dump(0, 0), dump(1, 0))
    assert not wrote_nothing_alone(dump(1, 0), dump(1, 0))
    assert not wrote_nothing_alone(dump(0, 0, resuid=0), dump(0, 0))


@given(dumps, dumps)
def test_what_proves_that_the_other_wrote_nothing_alone_never_stands_beside_a_lead_of_it(
    first: Metadata, second: Metadata
) -> None:
    if wrote_nothing_alone(first, second):
        assert relation(first, second) in (Relation.IN_SYNC, Relation.FIRST_AHEAD, Relation.SECOND_BLANK)
