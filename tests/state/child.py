"""A second process, for what only one can show: a few lines of Python, run as an ordinary user where asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOBODY = 65534
BECOME = f"""
import contextlib, fcntl, json, os, threading
import remediate.state.journal, remediate.state.lock, remediate.state.store
os.geteuid() or os.setuid({NOBODY})
"""
"""Imports come first: the ordinary user may not be able to read this checkout."""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python program; it finds `arguments` in sys.argv[1:]."""
    words = [sys.executable, "-c", program, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, stdout=pipe, stderr=pipe, stdin=pipe, text=True)


def run(program: str, *arguments: object) -> str:
    """Run a Python program to its end, which has to be a good one; what it printed."""
    with start(program, *arguments) as child:
        out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, ""), err
    return out


def run_as_ordinary_user(program: str, *arguments: object) -> str:
    """The same as a user whom the permissions of files hold back, which they don't do with root."""
    return run(BECOME + program, *arguments)


@contextmanager
def ordinary_directory(mode: int) -> Iterator[Path]:
    """A directory of that user, with the way to it open, which the way to pytest's own is not."""
    place = Path(tempfile.mkdtemp(prefix="hastwatch-test-"))
    try:
        place.chmod(0o755)
        directory = place / "state"
        directory.mkdir()
        directory.chmod(mode)
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)
        yield directory
    finally:
        (place / "state").chmod(0o755)
        shutil.rmtree(place)
