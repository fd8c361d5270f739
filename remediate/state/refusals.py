"""What a convergence refused, in sentences: so that a periodic one says it once, and tries it again.

A refused promotion gets no second event from devd(8): CARP is MASTER already. Whoever looks once a minute takes it up
when what stood in its way is gone.
"""

from __future__ import annotations

from remediate.state.store import StateError, StateUnreadable, Store

NAME = "refused.json"


def same(store: Store, said: tuple[str, ...]) -> bool:
    """Whether exactly this was said last."""
    try:
        return store.read(NAME).get("said", []) == list(said)
    except StateUnreadable:
        return False


def pending(store: Store) -> bool:
    """Whether a convergence that was asked for by an event or a human ended with a refusal."""
    try:
        return bool(store.read(NAME).get("asked"))
    except StateUnreadable:
        return False


def keep(store: Store, said: tuple[str, ...], asked: bool) -> None:
    """Write down what was refused, or that nothing is any more. `asked`: an event or a human wanted it. What cannot be
    written down is said again the next time."""
    try:
        if said:
            store.write(NAME, {"version": 1, "said": list(said), "asked": asked or pending(store)})
        else:
            store.remove(NAME)
    except StateError:
        return
