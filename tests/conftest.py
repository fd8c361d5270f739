"""What holds for all tests.

A slow machine is no failure, so no example of hypothesis has a time limit. CI says the same of a commit each time, so
its examples are not drawn anew. A test leaves nothing where hastwatch keeps its things on a real node, although CI runs
the tests as root.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("hastwatch", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("hastwatch")

OURS = ("/var/db/hastwatch", "/var/db/hastwatch-spool", "/var/run/hastwatch", "/var/run/hastwatch.boot")


def looked_at() -> dict[str, int]:
    """When each of OURS, and what is in it, was changed, in nanoseconds; nothing for what does not exist."""
    found = [path for path in OURS if os.path.lexists(path)]
    found += [entry.path for path in found if os.path.isdir(path) for entry in os.scandir(path)]
    return {path: os.lstat(path).st_mtime_ns for path in found}


@pytest.fixture(autouse=True)
def _nothing_is_left_on_this_machine() -> Iterator[None]:
    before = looked_at()
    yield
    assert looked_at() == before, "a test has written outside of its temporary directory"
