"""The directory that is written: a new one, as a whole, or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from remediate.init.files import PlannedFile
from remediate.init.wanted import WrongInput

PRIVATE = 0o700


def write(directory: str, files: Iterable[PlannedFile]) -> None:
    """Raises WrongInput where there is something of that name, and OSError: then nothing of it is left."""
    target = os.path.abspath(directory)
    if os.path.lexists(target):
        raise WrongInput(f"{directory} is there already: name a new directory")
    try:
        os.mkdir(target, PRIVATE)
    except FileExistsError:
        raise WrongInput(f"{directory} is there already: name a new directory") from None
    try:
        for each in files:
            _write(os.path.join(target, each.path), each)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _write(path: str, file: PlannedFile) -> None:
    os.makedirs(os.path.dirname(path), PRIVATE, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, file.mode)
    with open(descriptor, "w", encoding="utf-8") as text:
        os.fchmod(descriptor, file.mode)
        text.write(file.text)
