"""What holds for all tests.

A slow machine is no failure, so no example of hypothesis has a time limit. CI says the same of a commit each time, so
its examples are not drawn anew. A test leaves nothing where hastwatch keeps its things on a real node, although CI runs
the tests as root.

Slow tests are left out, and counted, unless `--slow` or `-m` asks for them, or the command line names their file. In a
module that is slow as a whole, one test or a few are marked `quick`, so that it is not left out altogether.
"""

from __future__ import annotations

import compileall
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

settings.register_profile("hastwatch", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("hastwatch")

ROOT = Path(__file__).resolve().parent.parent
OURS = ("/var/db/hastwatch", "/var/db/hastwatch-spool", "/var/run/hastwatch", "/var/run/hastwatch.boot")


def looked_at() -> dict[str, int]:
    """When each of OURS, and what is in it, was changed, in nanoseconds; nothing for what does not exist."""
    paths = [path for path in OURS if os.path.lexists(path)]
    paths += [entry.path for path in paths if os.path.isdir(path) for entry in os.scandir(path)]
    return {path: os.lstat(path).st_mtime_ns for path in paths}


@pytest.fixture(autouse=True)
def _nothing_is_left_on_this_machine() -> Iterator[None]:
    before = looked_at()
    yield
    assert looked_at() == before, "a test has written outside of its temporary directory"


@pytest.fixture
def state() -> Iterator[Path]:
    """The state directories of a pair: empty, in memory where the machine has such, and gone after the test."""
    with state_directory() as directory:
        yield directory


@pytest.fixture
def pair(state: Path) -> InstalledPair:
    """A healthy simulated pair in service, with hastwatch on both nodes."""
    return installed_pair(state)


LEFT_OUT = pytest.StashKey[int]()
"""How many slow tests were left out; under xdist each process leaves out the same."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too, as CI does")


def pytest_configure(config: pytest.Config) -> None:
    """Compile what the processes of the tests import, once: each would do it again, and one whose files may not grow
    leaves half a module behind, which no later process can import (https://github.com/python/cpython/issues/126606)."""
    if not sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        for package in ("checks", "remediate", "hooks", "simulator", "tests"):
            compileall.compile_dir(ROOT / package, quiet=2)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.slow or "slow" in config.option.markexpr:
        return
    named = {os.path.realpath(file) for file, _, _ in (word.partition("::") for word in config.args)}
    failed = config.cache.get("cache/lastfailed", {}) if getattr(config.option, "lf", False) and config.cache else {}
    slow = [item for item in items if item.get_closest_marker("slow") and not item.get_closest_marker("quick")]
    left_out = {item for item in slow if os.path.realpath(item.path) not in named and item.nodeid not in failed}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    config.stash[LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of xdist has ended, and this one prints."""
    node.config.stash[LEFT_OUT] = node.workeroutput.get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{left_out:,} slow tests left out: run pytest --slow (CI does)")
