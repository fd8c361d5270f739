"""The faults by name: how one is registered, listed, and inflicted. The faults are in `faults.py` and `refusals.py`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import TYPE_CHECKING

from simulator.faults.fault_words import FaultError

if TYPE_CHECKING:
    from simulator.pair import Pair

Fault = Callable[..., None]

FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    """Register a function as the fault of its name, with dashes."""
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def inflict(pair: Pair, name: str, *words: str) -> None:
    """Do it. Raises FaultError."""
    function = FAULTS.get(name)
    if function is None:
        raise FaultError(f"unknown fault {name}; --list names them")
    parameters = list(signature(function).parameters.values())[1:]
    least = sum(each.default is Parameter.empty for each in parameters)
    if not least <= len(words) <= len(parameters):
        raise FaultError(f"usage: {usage(name)}")
    try:
        function(pair, *words)
    except ValueError as error:
        raise error if isinstance(error, FaultError) else FaultError(f"{error}; usage: {usage(name)}") from error


def usage(name: str) -> str:
    """`kill NODE PROCESS`"""
    words = [name]
    for each in list(signature(FAULTS[name]).parameters.values())[1:]:
        word = each.name.upper()
        words.append(word if each.default is Parameter.empty else f"[{word}]")
    return " ".join(words)


def listing() -> list[tuple[str, str]]:
    """Usage and one line of every fault."""
    return [(usage(name), (FAULTS[name].__doc__ or "").split("\n")[0].rstrip(".")) for name in FAULTS]
