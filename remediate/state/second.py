"""Objects that are kept in the second directory while the first one takes no file, and brought back when it does.

What speaks against a copy must not be lost because the disk of the state directory is full. As long as the second
directory has an object it is the newer one: nothing is written to the first then but what is brought back, and that
leaves the second only when the first has it. In a directory that is not ours alone nothing can have been kept.

The second directory is emptied at every boot (`directory.RUN_DIRECTORY`), so every look at the node brings back.
"""

from __future__ import annotations

from collections.abc import Callable

from remediate.state.store import StateNotKept, StateUnreadable, StateUntrusted, Store, Values


def read(store: Store, name: str) -> Values:
    """What is kept under `name`, empty where nothing is. Raises StateUnreadable."""
    return place(store, name).read(name)


def place(store: Store, name: str) -> Store:
    """The directory that has the object: the second one only where the first took no file when it was written."""
    second = store.second()
    try:
        return second if second is not None and second.read(name) else store
    except StateUntrusted:
        return store
    except StateUnreadable:
        assert second is not None
        return second


def update(
    store: Store,
    name: str,
    change: Callable[[Values], Values | None],
    instead: Callable[[StateUnreadable], Values],
) -> Values:
    """As `Store.update`, in the second directory where the first one takes nothing. Raises StateNotKept where neither
    does, for the first one."""
    try:
        bring_back(store, name)
        if place(store, name) is store:
            return store.update(name, change, instead)
    except StateNotKept:
        if store.second() is None:
            raise
    second = store.second()
    assert second is not None

    def changed(values: Values) -> Values | None:
        return change(values or _or(instead, store, name))

    try:
        return second.update(name, changed, instead)
    except StateNotKept:
        if place(store, name) is not store:
            raise
        return store.update(name, change, instead)


def remove(store: Store, name: str) -> bool:
    """Remove the object; whether there was one. The first directory's goes first, as it says less. Raises
    StateNotKept."""
    second = store.second()
    removed = store.remove(name)
    return (second is not None and second.remove(name)) or removed


def bring_back(store: Store, name: str) -> None:
    """Move what the second directory has to the first one, if that takes it. Raises StateNotKept."""
    second = store.second()
    if second is None or place(store, name) is store:
        return
    moved: list[Values] = []

    def changed(values: Values) -> Values:
        moved[:] = [_or(lambda error: {}, second, name)]
        return moved[0] or values

    store.update(name, changed, lambda error: {})
    if moved[0]:  # what another process has written there meanwhile stays
        second.update(
            name, lambda values: {} if values == moved[0] else values, lambda error: {"unreadable": error.why}
        )


def _or(instead: Callable[[StateUnreadable], Values], store: Store, name: str) -> Values:
    try:
        return store.read(name)
    except StateUnreadable as error:
        return instead(error)
