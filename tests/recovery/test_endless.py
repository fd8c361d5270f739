"""What comes from another machine, or from a user's directory, may have no end: reading it has."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import tarfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checks.probes.process import CompletedCommand
from checks.probes.state_cache import Memory
from remediate.context import Transport
from remediate.failover.errors import StepFailed
from remediate.recovery import archive, imaging, manifest, remote_target, salvage, targets
from remediate.recovery.items import DIRECTORY, FILE, Item
from remediate.recovery.manifest import SavedItem
from remediate.recovery.readonly import Area
from remediate.recovery.remote_tree import RemoteTree, ending, row
from remediate.recovery.targets import BoundedSource, Source
from remediate.recovery.trees import LEVELS, DirectoryTree
from tests.recovery.copies import local_context, make, ssh

ENDLESS = "yes yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
MEMORY = 64 << 20
"""Bytes: far below what an answer without an end would come to, and above every block that is read at once."""


@pytest.fixture
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MEMORY


class Sends:
    """A source that sends this again and again."""

    def __init__(self, again: bytes, first: bytes = b"") -> None:
        self._again, self._rest = again, first

    def read(self, size: int = -1, /) -> bytes:
        """See Source."""
        while len(self._rest) < size:
            self._rest += self._again * (size // len(self._again) + 1)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


# --- the machine that keeps a salvage --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("line", [ENDLESS, f"{ENDLESS} >&2; exit 1", f"{ENDLESS} >&2 & {ENDLESS}"])
def test_a_salvage_host_whose_answers_do_not_end_is_given_up(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_target, "STALLS", 3.0)
    target = targets.target(f"ssh://keeper@vault{tmp_path}", "home-i1", ssh(tmp_path, line))
    with pytest.raises(StepFailed, match=r"says more than 65536 bytes|too little"):
        target.room()


@pytest.mark.slow
@pytest.mark.usefixtures("little_memory")
def test_one_that_sends_a_byte_now_and_then_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_target, "STALLS", 1.0)
    target = targets.target(
        f"ssh://keeper@vault{tmp_path}", "home-i1", ssh(tmp_path, "while echo y; do sleep .1; done")
    )
    with pytest.raises(StepFailed, match=r"has sent too little for 1 s"):
        target.room()


def test_what_a_host_says_at_the_end_of_a_long_error_is_what_is_shown(tmp_path: Path) -> None:
    line = f"{ENDLESS} | head -c 3000000 >&2; echo >&2; echo why >&2; exit 1"
    target = targets.target(f"ssh://keeper@vault{tmp_path}", "home-i1", ssh(tmp_path, line))
    with pytest.raises(StepFailed, match=r"keeper@vault: why"):
        target.room()


@pytest.mark.parametrize("size", [0, 1, 4096, targets.BLOCK - 1, targets.BLOCK, 3 * targets.BLOCK + 7])
def test_a_bounded_source_gives_all_that_is_allowed_and_refuses_one_byte_more(size: int) -> None:
    whole = os.urandom(size)
    assert BoundedSource(io.BytesIO(whole), size, "x").read() == whole
    pieces = BoundedSource(io.BytesIO(whole), size, "x")
    assert b"".join(iter(lambda: pieces.read(1000), b"")) == whole
    with pytest.raises(StepFailed, match=f"x: more than {size} bytes"):
        BoundedSource(io.BytesIO(whole + b"y"), size, "x").read()


class Sent(targets.Directory):
    """A salvage whose files are sent so."""

    def __init__(self, **sends: Source) -> None:
        super().__init__("/", "x")
        self._sends = sends

    @contextmanager
    def reading(self, name: str) -> Iterator[Source]:
        """See Target."""
        yield self._sends[name.partition(".")[0]]


@pytest.mark.usefixtures("little_memory")
def test_a_manifest_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "LARGEST", 4 << 20)
    with pytest.raises(StepFailed, match="more than 4194304 bytes"):
        salvage.read_manifest(Sent(manifest=Sends(b"[")))


def member(kind: bytes, size: int, name: str = "a") -> bytes:
    """The header of a member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    "sends",
    [
        Sends(b"\0" * 512, member(tarfile.XHDTYPE, 7 << 30)),
        Sends(b"\0" * 512, member(tarfile.XGLTYPE, 7 << 30)),
        Sends(b"x" * 512, member(tarfile.GNUTYPE_LONGNAME, 7 << 30)),
        Sends(b"\1" * 512, member(tarfile.GNUTYPE_SPARSE, 7 << 30)),
        Sends(member(tarfile.XHDTYPE, 0)),
        Sends(member(tarfile.XGLTYPE, 0)),
        Sends(member(tarfile.DIRTYPE, 0)),
    ],
)
def test_an_archive_without_an_end_is_refused(sends: Sends) -> None:
    item = (SavedItem(Item(b"a", FILE, 3, 0, 0, 0, 0, 0, 1), ("x",), False, "0" * 64),)
    with pytest.raises(StepFailed):
        for each in archive.members(BoundedSource(sends, archive.size_of(item), "x"), item):
            b"".join(archive.contents(each))


@pytest.mark.slow
@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    "again", [gzip.compress(b"", mtime=0), gzip.compress(b"\0" * (8 << 20), mtime=0)], ids=["empty", "zeros"]
)
def test_an_image_without_an_end_is_refused(again: bytes, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"\0" * (1 << 20))
    area = Area(str(disk), 0, 1 << 20)
    values = json.dumps({"size": area.size, "sha256": "0" * 64}).encode()
    with pytest.raises(StepFailed, match=r"more than \d+ bytes|is not what was kept"):
        imaging._verify(area, Sent(manifest=io.BytesIO(values), image=Sends(again)), lambda _: None)


# --- the other node --------------------------------------------------------------------------------------------------


class Answers(Transport):
    """A way to a node that answers every question with the next of these."""

    def __init__(self, answers: Iterator[str]) -> None:
        super().__init__((), Memory(None))
        self._answers, self.asked = answers, 0

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """As a way does."""
        self.asked += 1
        return CompletedCommand(argv, 0, next(self._answers), "", 0.0)


def page(*paths: bytes, more: bool = True) -> str:
    """A page of a list."""
    items = [row(Item(path, DIRECTORY, 0, 0, 0, 0, 0, 0, 1)) for path in paths]
    return "".join(json.dumps(values) + "\n" for values in [*items, ending(more, 0)])


def repeated(answer: str) -> Iterator[str]:
    while True:
        yield answer


@pytest.mark.parametrize(
    "answers",
    [
        repeated(page(b"", b"a")),
        repeated(page(b"a")),
        repeated(page()),
        iter([page(b"a", b"b"), page(b"b")]),
        iter([page(b"b", b"a", more=False)]),
        iter([page(b"a", b"a", more=False)]),
    ],
)
def test_a_page_that_repeats_or_goes_back_ends_the_walk(answers: Iterator[str]) -> None:
    way = Answers(answers)
    with pytest.raises(StepFailed, match="does not go on, or is in no order"):
        list(RemoteTree(way, "hastwatch", "/hast/home").walk())
    assert way.asked <= 2


def test_a_list_that_goes_on_for_ever_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remediate.recovery.remote_tree.PAGES", 50)
    way = Answers(page(b"%09d" % number) for number in range(10**9))
    with pytest.raises(StepFailed, match="has no end"):
        list(RemoteTree(way, "hastwatch", "/hast/home").walk())
    assert way.asked == 50


@pytest.mark.parametrize("answer", ["[" * 200_000, '{"a":' * 200_000, "[" + "9" * 100_000 + "]", "null", "\n"])
def test_json_that_is_too_deep_or_none_is_refused_in_one_line(answer: str) -> None:
    with pytest.raises(StepFailed, match=r"not understood|cut off"):
        list(RemoteTree(Answers(repeated(answer)), "hastwatch", "/hast/home").walk())


# --- what users make -------------------------------------------------------------------------------------------------


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A copy with directories in directories, which neither pytest nor shutil could remove."""
    make(tmp_path / "copy", {b"a/b": b"one", b"z": b"two"})
    above = os.open(tmp_path / "copy" / "a", os.O_RDONLY)
    for _ in range(LEVELS * 3):
        os.mkdir("d", dir_fd=above)
        below = os.open("d", os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    yield tmp_path / "copy"
    subprocess.run(["rm", "-rf", tmp_path / "copy"], check=True)


def test_directories_deeper_than_any_path_are_counted_as_not_read(deep: Path, tmp_path: Path) -> None:
    tree = DirectoryTree(str(deep))
    items = list(tree.walk())
    assert tree.vanished == 1 and max(len(item.key) for item in items) == LEVELS + 1
    assert items[-1].path == b"z"
    (tmp_path / "kept").mkdir()
    (tmp_path / "state").mkdir(mode=0o755)
    context, there = local_context(tmp_path / "state"), make(tmp_path / "there", {})
    with pytest.raises(StepFailed, match="could not be read: keep an image"):
        salvage.salvage(context, "home", DirectoryTree(str(deep)), there, float("inf"), str(tmp_path / "kept"), "i1")


def test_a_file_that_grows_faster_than_it_is_read_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (3 << 20))
    read = 0
    for chunk in DirectoryTree(str(tmp_path)).chunks(b"log"):
        read += len(chunk)
        with (tmp_path / "log").open("ab") as file:
            file.write(chunk + chunk)
    assert read == 3 << 20
