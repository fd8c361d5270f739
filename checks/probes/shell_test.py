"""test(1): whether a condition of `[` holds, as far as its words tell."""

from __future__ import annotations

from collections.abc import Callable

Text = str | None
NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": int.__eq__,
    "-ne": int.__ne__,
    "-lt": int.__lt__,
    "-le": int.__le__,
    "-gt": int.__gt__,
    "-ge": int.__ge__,
}
OF_A_FILE = ("-e", "-f", "-r", "-s", "-x")
"""What holds for a program that can be run."""


def holds(words: list[Text], is_program: Callable[[str], bool]) -> bool | None:
    """Whether `test WORDS` succeeds; None where that is unknown. `is_program` knows the file that is there."""
    for operator, decided in (("-o", True), ("-a", False)):
        if len(words) > 4 and operator in words:
            at = words.index(operator)
            sides = holds(words[:at], is_program), holds(words[at + 1 :], is_program)
            return decided if decided in sides else None if None in sides else not decided
    if len(words) > 1 and words[0] == "!":
        inner = holds(words[1:], is_program)
        return None if inner is None else not inner
    if len(words) == 3:
        return _compared(words[0], words[1], words[2])
    if len(words) == 2:
        return _of_one(words[0], words[1], is_program)
    if len(words) == 1:
        return None if words[0] is None else words[0] != ""
    return None if words else False


def _compared(left: Text, operator: Text, right: Text) -> bool | None:
    if left is None or right is None or operator is None:
        return None
    if operator in ("=", "=="):
        return left == right
    if operator == "!=":
        return left != right
    if operator in NUMBERS and left.lstrip("-").isdigit() and right.lstrip("-").isdigit():
        return NUMBERS[operator](int(left), int(right))
    return None


def _of_one(operator: Text, word: Text, is_program: Callable[[str], bool]) -> bool | None:
    if word is None:
        return None
    if operator in ("-n", "-z"):
        return (word != "") is (operator == "-n")
    if operator in OF_A_FILE and is_program(word):
        return True
    return True if (operator, word) == ("-d", "/") else None
