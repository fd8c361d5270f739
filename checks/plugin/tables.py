"""A table of the configuration, TOML, as a NamedTuple: every key is a field, each value of the kind of its default."""

from __future__ import annotations

from typing import TypeVar

LONGEST = 30 * 86400.0
"""Seconds; nothing waits, is kept or valid for longer."""
MOST = 100_000
"""Of what is counted."""


class TableError(Exception):
    """A table can't be used; the text says which key, and why."""


Made = TypeVar("Made", bound=tuple)  # type: ignore[type-arg]  # a NamedTuple, which has no type of its own


def table(values: dict[str, object], name: str) -> dict[str, object]:
    """The table `name` of a larger one, empty where it is not there. Raises TableError."""
    given = values.get(name, {})
    if not isinstance(given, dict):
        raise TableError(f"`{name}` must be a table")
    return given


def made(kind: type[Made], given: dict[str, object], name: str) -> Made:
    """The NamedTuple out of a table, with its defaults where that says nothing. Raises TableError at the first key
    that is no field, and at the first value that is not of the kind of the field's default."""
    defaults: dict[str, object] = kind._field_defaults  # type: ignore[attr-defined]  # of every NamedTuple
    checked: dict[str, object] = {}
    for key, value in given.items():
        if key not in defaults:
            raise TableError(f"unknown key `{name}.{key}`")
        checked[key] = _value(f"{name}.{key}", value, defaults[key])
    return kind(**checked)


def one_of(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raises TableError for a word that is not known."""
    words = [word for word in known if word]
    for word in given:
        if word not in known:
            raise TableError(f"`{name}` must be {', '.join(words[:-1])} or {words[-1]}, not {word!r}")


def text(name: str, value: object) -> str:
    """A text without control characters. Raises TableError."""
    if not isinstance(value, str) or not value.isprintable():
        raise TableError(f"`{name}` must be text, without control characters")
    return value


def truth(name: str, value: object) -> bool:
    """Raises TableError for anything but true and false."""
    if not isinstance(value, bool):
        raise TableError(f"`{name}` must be true or false")
    return value


def _value(name: str, value: object, default: object) -> object:
    if isinstance(default, bool):
        return truth(name, value)
    if isinstance(default, float):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
            raise TableError(f"`{name}` must be a number of seconds from 0 to {LONGEST:.0f}")
        return float(value)
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
            raise TableError(f"`{name}` must be a whole number from 0 to {MOST}")
        return value
    if isinstance(default, tuple):
        if not isinstance(value, list):
            raise TableError(f"`{name}` must be a list of texts")
        return tuple(text(name, each) for each in value)
    if isinstance(default, dict):
        if not isinstance(value, dict):
            raise TableError(f"`{name}` must be a table of texts")
        return {text(name, key): text(name, each) for key, each in value.items()}
    return text(name, value)
