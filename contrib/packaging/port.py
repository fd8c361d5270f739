"""Write the rc.d scripts of the FreeBSD port, `files/NAME.in` for USE_RC_SUBR, from those of contrib/freebsd/rc.d.

    python3 contrib/packaging/port.py [--check]

`--check` writes nothing and fails where one is not as it would be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

FREEBSD = Path(__file__).resolve().parents[1] / "freebsd"
SCRIPTS = ("hastwatch_hold", "hastwatch")
COPY = "# Copy to /usr/local/etc/rc.d/{name}, and set in rc.conf(5):"
SET = "# Set in rc.conf(5):"


class NotAsExpected(Exception):
    """A script has not the line that is replaced; the text names it."""


def script(name: str) -> str:
    """The script as the port has it: bsd.port.mk puts the prefix in. Raises OSError, NotAsExpected."""
    text = (FREEBSD / "rc.d" / name).read_text()
    if COPY.format(name=name) not in text:
        raise NotAsExpected(f"rc.d/{name} has no line {COPY.format(name=name)!r}")
    return text.replace(COPY.format(name=name), SET).replace("/usr/local", "%%PREFIX%%")


def main() -> int:
    """0, or 1 where --check finds one that is not up to date."""
    status = 0
    for name in SCRIPTS:
        path = FREEBSD / "port" / "files" / f"{name}.in"
        text = script(name)
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path} is not up to date: run contrib/packaging/port.py", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
