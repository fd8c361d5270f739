"""What can go wrong with what is remembered."""

from __future__ import annotations


class StateError(Exception):
    """The common base; never raised itself."""


class StateUnreadable(StateError):
    """There is a file, and what it says is not known. The caller decides what that means: never that all is well."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} cannot be read: {why}")
        self.name, self.why = name, why


class StateUntrusted(StateUnreadable):
    """Whatever there may be, it lies where others may have put it: nothing at all is known of what was kept."""


class StateNotKept(StateError):
    """Nothing was written; what was kept before still is."""

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(f"cannot keep {path}: {why}" if path else why)
        self.why, self.path = why, path
