"""What `.ci/release` looks at before a version is built and tagged; CI builds every commit by it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checks import VERSION
from tests.state.child import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="these sources are no clone"),
]

RELEASE = ".ci/release"


class Clone:
    """A clone of this repository, with a version that is ready."""

    def __init__(self, place: Path) -> None:
        self.place = place
        subprocess.run(["git", "clone", "-q", "--shared", ROOT, place], check=True, capture_output=True)
        for name in (RELEASE, "contrib/freebsd/port/Makefile"):
            shutil.copy2(ROOT / name, place / name)
        python = place / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        self.edit("CHANGELOG.md", r"(?m)^## .*", f"## {VERSION} (2026-11-30)", count=1)
        self.commit()

    def edit(self, name: str, pattern: str, text: str, count: int = 0) -> None:
        path = self.place / name
        path.write_text(re.sub(pattern, text, path.read_text(), count=count))

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "core.hooksPath=/dev/null")
        return subprocess.run(
            ["git", *who, *words], cwd=self.place, check=True, capture_output=True, text=True
        ).stdout  # fmt: skip

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-a", "-m", "A version")

    def release(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([f"./{RELEASE}", *words], cwd=self.place, capture_output=True, text=True)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def test_a_version_that_is_finished_is_ready_and_nothing_is_tagged(clone: Clone) -> None:
    done = clone.release("--only", "look")
    assert (done.returncode, done.stdout) == (0, f"everything is ready for v{VERSION}\n"), done.stderr
    assert clone.git("tag") == ""


def test_every_reason_is_given_at_once(clone: Clone) -> None:
    clone.edit("CHANGELOG.md", r"\(2026-11-30\)", "(unreleased)", count=1)
    clone.edit("contrib/freebsd/port/Makefile", r"DISTVERSION=.*", "DISTVERSION=\t0.0.9")
    clone.git("tag", f"v{VERSION}")
    done = clone.release("--only", "look")
    assert done.returncode == 1
    reasons = [line.removeprefix("release: ") for line in done.stderr.splitlines()]
    assert reasons == [
        "something is changed or untracked (git status)",
        f"contrib/freebsd/port/Makefile has DISTVERSION 0.0.9, and not {VERSION}",
        f"the tag v{VERSION} is there already",
        f"CHANGELOG.md begins with '## {VERSION} (unreleased)', and not with '## {VERSION} (YYYY-MM-DD)'",
    ]


def test_a_version_that_is_older_than_a_tag_or_has_no_date_of_the_calendar_is_refused(clone: Clone) -> None:
    clone.edit("CHANGELOG.md", r"\(2026-11-30\)", "(2026-13-30)", count=1)
    clone.commit()
    clone.git("tag", "v99.0.0")
    done = clone.release("--tag")
    assert done.returncode == 1
    assert f"{VERSION} is older than the tag v99.0.0" in done.stderr and "2026-13-30" in done.stderr
    assert clone.git("tag") == "v99.0.0\n" and not (clone.place / "dist").exists()


@pytest.mark.parametrize("words", [["--only", "push"], ["--only"], ["--tag", "--only", "look"], ["now"]])
def test_wrong_usage_is_one_line(words: list[str]) -> None:
    done = subprocess.run([ROOT / RELEASE, *words], capture_output=True, text=True)
    assert done.returncode == 64 and done.stderr.count("\n") == 1
