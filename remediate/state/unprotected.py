"""Mount points that refused the flag by which they take no files, in this boot: not asked again with every look."""

from __future__ import annotations

from checks.probes.boot_time import same_boot
from remediate.state.store import StateUnreadable, Store, Values

NAME = "unprotected.json"


def is_given_up(store: Store, point: str, boot: str) -> bool:
    """Whether a mount point has refused in this boot; not where that is not known."""
    try:
        return point in _points(store.read(NAME), boot)
    except StateUnreadable:
        return False


def give_up(store: Store, point: str, boot: str) -> bool:
    """A mount point has refused; whether that is news. Raises StateNotKept."""
    news: list[bool] = []

    def noted(values: Values) -> Values:
        known = _points(values, boot)
        news[:] = [point not in known]
        return {"version": 1, "boot": boot, "points": sorted({*known, point})}

    store.update(NAME, noted, instead=lambda error: {})
    return news[0]


def _points(values: Values, boot: str) -> set[str]:
    points = values.get("points")
    if values.get("version") != 1 or not same_boot(str(values.get("boot")), boot) or not isinstance(points, list):
        return set()
    return set(map(str, points))
