"""A result as Nagios takes it: one line of text, in which backslash and newline are escaped, and performance data.

Nagios undoes `\\\\` and `\\n` in what comes through the command file and through its check result files
(`unescape_check_result_output()`), so both are done here.
"""

from __future__ import annotations

from remediate.monitoring.result import CheckResult

LONGEST = 4000
"""Bytes: Nagios reads 8 KB of a plugin's output, and a line of the command file is 4096 at most."""


def nagios_text(result: CheckResult, longest: int = LONGEST, semicolon: str = ";") -> str:
    """`TEXT|PERFDATA\\nLONGER TEXT` in so many bytes of UTF-8: the longer text is cut first, then whole items of
    performance data are left out, then the text is cut. `semicolon` is what one in the text becomes."""
    first = _cut(_escaped(result.output, semicolon), longest)
    room = longest - len(first.encode())
    pieces: list[str] = []
    for item in result.perfdata:
        room -= len(item.encode()) + 1
        if room < 0:
            break
        pieces.append(item.replace("\\", "\\\\"))
    line = f"{first}|{' '.join(pieces)}" if pieces else first
    longer = _escaped(result.long_output, semicolon)
    return _cut(f"{line}\\n{longer}", longest) if longer else _cut(line, longest)


def _escaped(text: str, semicolon: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(";", semicolon)


def _cut(text: str, longest: int) -> str:
    """At most so many bytes; not in the middle of a character or of an escape."""
    raw = text.encode()
    if len(raw) <= longest:
        return text
    short = raw[: max(longest - 3, 0)].decode(errors="ignore")
    odd = (len(short) - len(short.rstrip("\\"))) % 2
    return (short[:-1] if odd else short) + "..."
