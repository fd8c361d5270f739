"""What a convergence refused, in sentences: so that a periodic one says it once, and tries it again.

A refused promotion gets no second event from devd(8): CARP is MASTER already. Whoever looks once a minute takes it up
when what stood in its way is gone. That may be a state directory that takes nothing: then it is recorded in the
second one, whose copy is the newer one as long as there is one.
"""

from __future__ import annotations

from contextlib import suppress

from remediate.state.store import StateError, StateUnreadable, Store, Values

NAME = "refused.json"


def same(store: Store, sentences: tuple[str, ...]) -> bool:
    """Whether exactly this was said last."""
    try:
        return _kept(store).get("said", []) == list(sentences)
    except StateUnreadable:
        return False


def pending(store: Store) -> bool:
    """Whether a convergence that was asked for by an event or an operator ended with a refusal."""
    try:
        return bool(_kept(store).get("asked"))
    except StateUnreadable:
        return False


def keep(store: Store, sentences: tuple[str, ...], asked: bool) -> None:
    """Record what was refused, or that nothing is any more. `asked`: an event or an operator wanted it. What cannot be
    recorded is said again the next time."""
    second = store.second()
    values: Values = {"version": 1, "said": list(sentences), "asked": asked or pending(store)} if sentences else {}
    try:
        store.write(NAME, values)
        instead: Values = {}
    except StateError:
        instead = values
    if second is not None:
        with suppress(StateError):
            if instead:
                second.write(NAME, instead)
            else:
                second.remove(NAME)


def _kept(store: Store) -> Values:
    """Raises StateUnreadable."""
    second = store.second()
    return (second.read(NAME) if second is not None else {}) or store.read(NAME)
