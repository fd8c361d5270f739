"""What `.ci/release` looks at before a version is built and tagged; CI builds every commit by it."""

from __future__ import annotations

import os
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


STAND_IN = """\
#!/bin/sh
# Python, whose build, twine and venv reach no network: CI runs the real ones by `.ci/release --only build`.
case $2 in
build)
    for sources; do :; done
    mkdir -p $5 && cp -R $sources $sources/../hastwatch-{version} && cd $sources/.. || exit
    rm -f hastwatch-{version}/.gitignore && touch hastwatch-{version}/PKG-INFO
    tar -czf $OLDPWD/$5/hastwatch-{version}.tar.gz hastwatch-{version} && rm -r hastwatch-{version}
    touch $OLDPWD/$5/hastwatch-{version}-py3-none-any.whl
    ;;
twine) ls "$5" "$6" >&2 ;;
venv)
    mkdir -p $3/bin
    printf '#!/bin/sh\\n' | tee $3/bin/pip >$3/bin/pytest
    echo 'test -f pyproject.toml && exit $TESTS_EXIT' >>$3/bin/pytest
    chmod 755 $3/bin/*
    ;;
*) exec {python} "$@" ;;
esac
"""


class Clone:
    """A clone of this repository, with a version that is ready."""

    def __init__(self, place: Path) -> None:
        self.place = place
        subprocess.run(["git", "clone", "-q", "--shared", ROOT, place], check=True, capture_output=True)
        for name in (RELEASE, "contrib/freebsd/port/Makefile"):
            shutil.copy2(ROOT / name, place / name)
        python = place / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(STAND_IN.format(python=sys.executable, version=VERSION))
        python.chmod(0o755)
        self.git("checkout", "-q", "-B", "main")
        self.git("config", "user.name", "test")
        self.git("config", "user.email", "test@example.org")
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

    def release(self, *words: str, tests: int = 0) -> subprocess.CompletedProcess[str]:
        """`tests`: how those of the sdist end."""
        environment = os.environ | {"TESTS_EXIT": str(tests)}
        return subprocess.run(
            [f"./{RELEASE}", *words], cwd=self.place, capture_output=True, text=True, env=environment
        )  # fmt: skip


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


def test_a_version_that_passes_is_built_tested_and_tagged(clone: Clone) -> None:
    done = clone.release("--tag")
    assert done.returncode == 0, done.stderr
    assert f"tagged v{VERSION}; to publish it: git push origin v{VERSION}" in done.stdout
    assert clone.git("for-each-ref", "--format=%(objecttype) %(refname)", "refs/tags") == f"tag refs/tags/v{VERSION}\n"
    assert clone.git("rev-parse", f"v{VERSION}^{{}}") == clone.git("rev-parse", "HEAD")
    distinfo = (clone.place / "dist" / "port" / "distinfo").read_text()
    assert f"SHA256 (hastwatch-{VERSION}.tar.gz) = " in distinfo
    again = clone.release("--tag")
    assert (again.returncode, again.stderr) == (1, f"release: the tag v{VERSION} is there already\n")


def test_what_fails_its_tests_is_not_tagged(clone: Clone) -> None:
    done = clone.release("--tag", tests=1)
    assert done.returncode == 1 and done.stderr.endswith("release: the tests of the sdist fail\n")
    assert clone.git("tag") == ""


def test_another_branch_is_not_released(clone: Clone) -> None:
    clone.git("checkout", "-q", "-b", "work")
    done = clone.release("--tag")
    assert (done.returncode, done.stderr) == (1, "release: the branch is work, and not main\n")


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
