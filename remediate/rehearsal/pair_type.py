"""`hastwatch pair type FILE`: type the commands of a README.md of `hastwatch init` on a running pair, step by step.

What a person does by hand between the nodes is done here where it can be: the installer is run on both, the directory
is copied. The rest, such as a mount on a client, is named and left out.
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from pathlib import Path

from checks.plugin.text import plain
from remediate import exits
from remediate.init.adopting import INSTALLER
from remediate.init.files import ON_NODE
from remediate.init.steps import public_key
from remediate.rehearsal import exec_client
from remediate.rehearsal.page import Typed, steps

FAILED = 1
LONGEST = 900.0
"""Real seconds to wait for the pair after a boot."""
EVERY = 2.0
STATUS = "hastwatch status"
MAY_FAIL = ("hastwatch doctor",)
"""What says by its exit status that something is left to be accepted."""


def type_page(directory: str, page: str) -> int:
    """All of its steps, each line as it is printed; the exit status of the first that fails, else 0."""
    try:
        wanted = list(steps(Path(page).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"hastwatch pair: {plain(page)}: {getattr(error, 'strerror', None) or error}\n")
        return exits.USAGE
    names = list(dict.fromkeys(name for step in wanted for name in step.nodes))
    if not names:
        sys.stderr.write(f"hastwatch pair: {plain(page)} is no README.md of `hastwatch init`\n")
        return exits.USAGE
    try:
        for step in wanted:
            sys.stdout.write(f"## {plain(step.title)}\n")
            if status := _type(directory, step, names, Path(page).absolute().parent):
                return status
    except OSError as error:
        return exec_client.no_pair(directory, error)
    return 0


def _type(directory: str, step: Typed, names: list[str], files: Path) -> int:
    for name in step.nodes:
        for line in step.lines:
            if status := _line(directory, name, line):
                return status
    if step.nodes:
        return 0
    if INSTALLER in step.lines:
        return next(filter(None, (_line(directory, name, INSTALLER) for name in names)), 0)
    if any(line.startswith("scp -rp ") for line in step.lines):
        return next(filter(None, (_copy(directory, name, names, files) for name in names)), 0)
    sys.stdout.write("(by hand, left out)\n")
    return 0


def _line(directory: str, name: str, line: str) -> int:
    """Typed on a node; the exit status that counts."""
    shown = "".join(each if each.isprintable() else "?" for each in line)
    sys.stdout.write(f"{name}# {shown}\n")
    sys.stdout.flush()
    if line == STATUS:
        _await_service(directory, name)
    status = exec_client.answered(directory, ["exec", name, line])
    return 0 if line.startswith(MAY_FAIL) else status


def _await_service(directory: str, name: str) -> None:
    """The page says to wait until both nodes have booted and one serves."""
    until = time.monotonic() + LONGEST
    while exec_client.answered(directory, ["exec", name, STATUS], lambda kind, text: 0) and time.monotonic() < until:
        time.sleep(EVERY)


def _copy(directory: str, name: str, names: list[str], files: Path) -> int:
    """The directory, and the public key of each node, to ON_NODE of one."""
    texts = {str(path.relative_to(files)): (path.read_text(), path.stat().st_mode) for path in files.rglob("*")
             if path.is_file()}  # fmt: skip
    for other in names:
        status, key = _read(directory, other, public_key(other))
        if status:
            return status
        texts[f"{other}.pub"] = (key, 0o644)
    sys.stdout.write(f"(this directory is copied to {ON_NODE} of {name})\n")
    for path, (text, mode) in texts.items():
        place = shlex.quote(f"{ON_NODE}/{path}")
        parent = shlex.quote(re.sub("/[^/]*$", "", f"{ON_NODE}/{path}"))
        line = f"mkdir -p {parent} && printf %s {shlex.quote(text)} > {place} && chmod {mode & 0o777:o} {place}"
        if status := exec_client.answered(directory, ["exec", name, line]):
            return status
    return 0


def _read(directory: str, name: str, path: str) -> tuple[int, str]:
    """A file of a node: the exit status of cat(1), and the text."""
    text = bytearray()

    def keep(kind: bytes, payload: bytes) -> int:
        text.extend(payload)
        return 0

    status = exec_client.answered(directory, ["exec", name, f"cat {path}"], keep)
    if status:
        sys.stderr.write(text.decode())
    return status, text.decode()
