"""Text from outside made fit for one line of output, and quantities read and written as people do."""

from __future__ import annotations

import re

SIZE = r"(?ai)(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGTP]?)(?:i?B)?"
UNITS = ("", "K", "M", "G", "T", "P")
DURATION = r"(?a)(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?"
SECONDS = (86400, 3600, 60, 1)
"""Of its units."""
LONGEST = 400
"""Characters of one message; a plugin's first line should stay well below NRPE's smallest buffer of 1 KB."""


def plain(text: str, longest: int = LONGEST) -> str:
    r"""`text` without what ends a line, moves a cursor, or is syntax of a status line (`|` starts perfdata)."""
    safe = "".join(char if char.isprintable() and char != "|" else f"\\x{ord(char):02x}" for char in text)
    return safe if len(safe) <= longest else safe[: longest - 3] + "..."


def label(text: str) -> str:
    """`text` as the label of performance data: without quote, equals sign and blank."""
    return re.sub(r"[^A-Za-z0-9_.:+/-]", "_", text[:LONGEST])


def size(text: str) -> int:
    """Bytes out of `128M`, `1.5GiB`, `4096`; suffixes are powers of 1024. Raises ValueError."""
    match = re.fullmatch(SIZE, text)
    if not match:
        raise ValueError(f"{text!r} is not a size such as 128M or 4096")
    return int(float(match["number"]) * 1024 ** UNITS.index(match["unit"].upper()))


def size_range(text: str) -> str:
    """A threshold range of sizes as one of bytes: `10M:2G` to `10485760:2147483648`. Raises ValueError."""
    inside = text.removeprefix("@")
    ends = inside.split(":")
    if not inside or len(ends) > 2:
        raise ValueError(f"{text!r} is not a range such as 128M, 1M:1G or @0:4M")
    numbers = [end if end in ("", "~") else str(size(end)) for end in ends]
    return text[: len(text) - len(inside)] + ":".join(numbers)


def duration(text: str) -> float:
    """Seconds out of `2h`, `90m`, `1d`, `45s`, `1h30m`. Raises ValueError, also for no time at all."""
    match = re.fullmatch(DURATION, text)
    seconds = sum(int(number or 0) * unit for number, unit in zip(match.groups(), SECONDS, strict=True)) if match else 0
    if seconds <= 0:
        raise ValueError(f"{text!r} is not a length of time such as 2h, 90m or 1h30m")
    return float(seconds)


def say_size(number: float) -> str:
    """Bytes for people: `132 MiB`."""
    power = 0
    while abs(number) >= 1024 and power < len(UNITS) - 1:
        number /= 1024
        power += 1
    shown = f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"
    return f"{shown} {UNITS[power]}{'iB' if power else 'B'}"


def say_duration(seconds: float) -> str:
    """A length of time for people: `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def say_count(number: int, thing: str) -> str:
    """`1 name`, `2 names`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def name_list(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"
