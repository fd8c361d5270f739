"""Files of a salvage come back whole, beside or over the present ones, and never anywhere else."""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given

from remediate.failover.errors import StepFailed
from remediate.recovery import archive, manifest
from remediate.recovery.items import DIRECTORY, FILE, OTHER, SYMLINK, Item
from remediate.recovery.manifest import Manifest, SavedItem
from remediate.recovery.restoring import RestoredEntry, RestoreMode, chosen, put_back
from remediate.recovery.salvage import read_manifest, salvage
from remediate.recovery.targets import FILES, MANIFEST, Directory
from remediate.recovery.trees import DirectoryTree
from remediate.recovery.workshop import ENTRY, PREFIX, PRESENT, workshop
from tests.recovery.copies import COPIES, UNKNOWN, Content, in_memory, local_context, make


def keep(place: Path, losing: Mapping[bytes, Content], live: Mapping[bytes, Content]) -> Directory:
    """A salvage of the first copy where the second one is the live file system."""
    here, there = make(place / "losing", losing), make(place / "live", live)
    (place / "kept").mkdir()
    (place / "state").mkdir(mode=0o755)
    salvage(local_context(place / "state"), "home", here, there, UNKNOWN, str(place / "kept"), "i1")
    return Directory(str(place / "kept"), "home-i1")


def back(place: Path, how: RestoreMode, *patterns: bytes, dry_run: bool = False) -> dict[bytes, RestoredEntry]:
    target = Directory(str(place / "kept"), "home-i1")
    manifest = read_manifest(target)
    done = list(put_back(target, manifest, chosen(manifest, patterns), str(place / "live"), how, dry_run))
    assert len({one.kept.item.path for one in done}) == len(done)
    return {one.kept.item.path: one for one in done}


def files_of(root: Path) -> dict[bytes, bytes]:
    """The files and links of a directory."""
    tree = DirectoryTree(str(root))
    return {
        item.path: b"".join(tree.chunks(item.path)) if item.kind == FILE else item.target
        for item in tree.walk()
        if item.kind in (FILE, SYMLINK)
    }


@pytest.mark.slow
@given(COPIES, COPIES)
def test_nothing_of_the_live_files_is_lost_and_everything_that_was_told_is_there(
    losing: Mapping[bytes, Content], live: Mapping[bytes, Content]
) -> None:
    for how in RestoreMode:
        with in_memory() as directory:
            place = Path(directory)
            keep(place, losing, live)
            before, wanted = files_of(place / "live"), files_of(place / "losing")
            done = back(place, how)
            after = files_of(place / "live")
            assert set(done) == {
                manifest.item.path for manifest in read_manifest(Directory(str(place / "kept"), "home-i1")).files
            }
            for path, content in before.items():
                kept_as = path if after.get(path) == content else path + b".before-restore-i1"
                assert after[kept_as] == content
            for path, one in done.items():
                if not one.failed and one.kept.item.kind in (FILE, SYMLINK):
                    assert after[path + (b".salvaged-i1" if how is RestoreMode.BESIDE else b"")] == wanted[path]
            assert not any(PREFIX in path for path in after)
            assert set(files_of(place)) >= {b"kept/home-i1/files.tar"}


def test_beside_overwrites_nothing_and_says_what_is_there_already(tmp_path: Path) -> None:
    keep(tmp_path, {b"d/a": b"one", b"d/b": b"one", b"new/c": b"one"}, {b"d/a": b"two", b"d/b": b"two"})
    (tmp_path / "live" / "d" / "b.salvaged-i1").write_bytes(b"another")
    first = back(tmp_path, RestoreMode.BESIDE)
    assert (first[b"d/a"].words, first[b"d/a"].failed) == ("to a.salvaged-i1", False)
    assert (first[b"d/b"].words, first[b"d/b"].failed) == ("b.salvaged-i1 is there already, and is another", True)
    again = back(tmp_path, RestoreMode.BESIDE)
    assert again[b"d/a"].words == "a.salvaged-i1 is there already, and the same" and not again[b"d/a"].failed
    assert files_of(tmp_path / "live") == {
        b"d/a": b"two", b"d/a.salvaged-i1": b"one", b"d/b": b"two", b"d/b.salvaged-i1": b"another",
        b"new/c.salvaged-i1": b"one",
    }  # fmt: skip


def test_over_keeps_the_present_file_first_and_twice_is_once(tmp_path: Path) -> None:
    keep(tmp_path, {b"a": b"one", b"b": b"one", b"c": b"one"}, {b"a": b"two", b"b": b"two"})
    (tmp_path / "live" / "b.before-restore-i1").write_bytes(b"of somebody")
    done = back(tmp_path, RestoreMode.OVER)
    assert done[b"a"].words == "over it, kept as a.before-restore-i1"
    assert done[b"b"].failed and "move it away first" in done[b"b"].words
    assert done[b"c"].words == "where nothing was"
    expected = {b"a": b"one", b"b": b"two", b"c": b"one"}
    expected |= {b"a.before-restore-i1": b"two", b"b.before-restore-i1": b"of somebody"}
    assert files_of(tmp_path / "live") == expected
    assert back(tmp_path, RestoreMode.OVER)[b"a"].words == "is the same already"
    assert files_of(tmp_path / "live") == expected


def test_a_restore_that_was_killed_between_its_two_names_is_finished_by_the_next(tmp_path: Path) -> None:
    keep(tmp_path, {b"a": b"one"}, {b"a": b"two"})
    os.link(tmp_path / "live" / "a", tmp_path / "live" / "a.before-restore-i1")
    assert back(tmp_path, RestoreMode.OVER)[b"a"].words == "over it, kept as a.before-restore-i1"
    assert files_of(tmp_path / "live") == {b"a": b"one", b"a.before-restore-i1": b"two"}


def test_what_a_killed_restore_left_unfinished_is_gone_after_the_next(tmp_path: Path) -> None:
    keep(tmp_path, {b"a": b"one"}, {})
    left = tmp_path / "live" / os.fsdecode(PREFIX + b"1")
    left.mkdir(mode=0o700)
    (left / os.fsdecode(ENTRY)).write_bytes(b"half")
    back(tmp_path, RestoreMode.OVER)
    assert files_of(tmp_path / "live") == {b"a": b"one"} and os.listdir(tmp_path / "live") == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(1, 12))
@pytest.mark.parametrize("how", RestoreMode)
def test_a_restore_that_is_killed_at_any_moment_loses_nothing_and_is_finished_by_the_next(
    tmp_path: Path, how: RestoreMode, moment: int
) -> None:
    keep(tmp_path, {b"a": b"one", b"d/b": b"three"}, {b"a": b"two"})
    child = os.fork()
    if child == 0:
        count = 0

        def die(event: str, _: object) -> None:
            nonlocal count
            count += event in ("os.mkdir", "os.link", "os.rename", "os.remove", "os.chown", "os.rmdir")
            if count == moment:
                os._exit(0)

        sys.addaudithook(die)
        back(tmp_path, how)
        os._exit(0)
    os.waitpid(child, 0)
    assert b"two" in files_of(tmp_path / "live").values()
    back(tmp_path, how)
    expected = {RestoreMode.BESIDE: {b"a": b"two", b"a.salvaged-i1": b"one", b"d/b.salvaged-i1": b"three"},
                RestoreMode.OVER: {b"a": b"one", b"a.before-restore-i1": b"two", b"d/b": b"three"}}  # fmt: skip
    assert files_of(tmp_path / "live") == expected[how]
    assert sorted(os.listdir(tmp_path / "live")) == sorted({name.split(b"/")[0].decode() for name in expected[how]})


def test_a_file_that_a_killed_restore_moved_away_and_that_has_no_other_name_stays(tmp_path: Path) -> None:
    keep(tmp_path, {b"a": b"one"}, {})
    left = tmp_path / "live" / os.fsdecode(PREFIX + b"1")
    left.mkdir(mode=0o700)
    (left / os.fsdecode(PRESENT)).write_bytes(b"only here")
    back(tmp_path, RestoreMode.OVER)
    assert files_of(tmp_path / "live") == {b"a": b"one", PREFIX + b"1/" + PRESENT: b"only here"}


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_directory_that_others_enter_is_not_taken_for_a_leftover(tmp_path: Path, mode: int) -> None:
    keep(tmp_path, {b"a": b"one"}, {})
    theirs = tmp_path / "live" / os.fsdecode(PREFIX + b"1")
    theirs.mkdir()
    theirs.chmod(mode)
    (theirs / os.fsdecode(ENTRY)).write_bytes(b"of somebody")
    (tmp_path / "live" / os.fsdecode(PREFIX + b"2")).symlink_to(tmp_path / "kept")
    back(tmp_path, RestoreMode.OVER)
    assert (theirs / os.fsdecode(ENTRY)).read_bytes() == b"of somebody"
    assert os.path.lexists(tmp_path / "live" / os.fsdecode(PREFIX + b"2"))


def test_two_restores_at_once_do_not_remove_what_the_other_one_builds(tmp_path: Path) -> None:
    top = os.open(tmp_path, os.O_RDONLY)
    with workshop(top) as one, workshop(top) as two:
        assert os.fstat(one).st_nlink and os.fstat(two).st_nlink
        assert stat.S_IMODE(os.fstat(one).st_mode) == 0o700 and len(os.listdir(tmp_path)) == 2
    assert os.listdir(tmp_path) == []
    os.close(top)


def test_modes_owners_and_times_come_back(tmp_path: Path) -> None:
    make(tmp_path / "losing", {b"d/a": b"one"})
    (tmp_path / "losing" / "d" / "a").chmod(0o640)
    (tmp_path / "losing" / "d").chmod(0o2750)
    os.utime(tmp_path / "losing" / "d" / "a", ns=(1, 1_600_000_000_123_456_789))
    if os.geteuid() == 0:
        os.chown(tmp_path / "losing" / "d" / "a", 12, 34)
    wanted = os.stat(tmp_path / "losing" / "d" / "a")
    (tmp_path / "live").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "state").mkdir(mode=0o755)
    here, there = DirectoryTree(str(tmp_path / "losing")), DirectoryTree(str(tmp_path / "live"))
    salvage(local_context(tmp_path / "state"), "home", here, there, UNKNOWN, str(tmp_path / "kept"), "i1")
    back(tmp_path, RestoreMode.OVER, b"d/a")
    files = os.stat(tmp_path / "live" / "d" / "a")
    for name in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_size"):
        assert getattr(files, name) == getattr(wanted, name)
    assert oct(os.stat(tmp_path / "live" / "d").st_mode)[-4:] == "2750"


def test_a_hard_link_comes_back_with_its_content_whichever_name_is_chosen(tmp_path: Path) -> None:
    make(tmp_path / "losing", {b"a": b"one"})
    os.link(tmp_path / "losing" / "a", tmp_path / "losing" / "b")
    (tmp_path / "live").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "state").mkdir(mode=0o755)
    here, there = DirectoryTree(str(tmp_path / "losing")), DirectoryTree(str(tmp_path / "live"))
    salvage(local_context(tmp_path / "state"), "home", here, there, UNKNOWN, str(tmp_path / "kept"), "i1")
    back(tmp_path, RestoreMode.OVER, b"b")
    assert files_of(tmp_path / "live") == {b"b": b"one"}
    back(tmp_path, RestoreMode.BESIDE)
    assert files_of(tmp_path / "live") == {b"b": b"one", b"a.salvaged-i1": b"one", b"b.salvaged-i1": b"one"}


def test_patterns_choose_by_path_and_a_directory_stands_for_what_is_in_it(tmp_path: Path) -> None:
    salvage_of = keep(tmp_path, {b"mail/a": b"", b"mail/b\xff": b"", b"mailbox": b"", b"x/y": b""}, {})
    manifest = read_manifest(salvage_of)

    def paths(*patterns: bytes) -> list[bytes]:
        return [item.item.path for item in chosen(manifest, patterns)]

    assert paths(b"mail/") == [b"mail", b"mail/a", b"mail/b\xff"]
    assert paths(b"mail/b?", b"x/y") == [b"mail/b\xff", b"x/y"]
    assert paths(b"nothing") == [] and len(paths()) == len(manifest.files)


@pytest.mark.parametrize("how", RestoreMode)
def test_a_dry_run_writes_nothing(tmp_path: Path, how: RestoreMode) -> None:
    keep(tmp_path, {b"a": b"one", b"d/b": b"one"}, {b"a": b"two"})
    done = back(tmp_path, how, dry_run=True)
    assert files_of(tmp_path / "live") == {b"a": b"two"} and os.listdir(tmp_path / "live") == ["a"]
    assert "a." in done[b"a"].words and not any(one.failed for one in done.values())


# --- what is hostile -------------------------------------------------------------------------------------------------


def test_no_link_of_the_live_tree_is_followed(tmp_path: Path) -> None:
    keep(tmp_path, {b"d/a": b"one", b"f": b"one", b"e/x/b": b"one"}, {})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"outside")
    (tmp_path / "live" / "d").symlink_to(outside)
    (tmp_path / "live" / "f").symlink_to(outside / "f")
    (tmp_path / "live" / "e").mkdir()
    (tmp_path / "live" / "e" / "x").symlink_to("../../outside")
    done = back(tmp_path, RestoreMode.OVER)
    assert done[b"d/a"].failed and "no link is followed" in done[b"d/a"].words and done[b"e/x/b"].failed
    assert files_of(outside) == {b"f": b"outside"}
    assert (tmp_path / "live" / "f").read_bytes() == b"one" and not (tmp_path / "live" / "f").is_symlink()
    assert (tmp_path / "live" / "f.before-restore-i1").is_symlink()


def item(path: bytes, kind: str = FILE, target: bytes = b"", size: int = 3) -> Item:
    return Item(path, kind, size if kind == FILE else 0, 10**18, 10**18, 0o644, 0, 0, 1, target)


ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
"""The SHA-256 of `one`."""


class Text:
    """A tree in which every file has the same content."""

    vanished = 0

    def chunks(self, path: bytes) -> io.BytesIO:
        """See Tree."""
        return io.BytesIO(b"one")


def hostile(place: Path, *item: SavedItem, raw: bytes | None = None) -> None:
    """A salvage that says this, and whose archive is what it says or something else."""
    (place / "live").mkdir()
    (place / "kept" / "home-i1").mkdir(parents=True, mode=0o700)
    target = Directory(str(place / "kept"), "home-i1")
    with target.writing(FILES) as sink:
        if raw is None:
            archive.write(sink, Text(), item, lambda _: None)  # type: ignore[arg-type]  # only contents are asked for
        else:
            sink.write(raw)
    with target.writing(MANIFEST) as sink:
        for line in manifest.lines(Manifest("home", "i1", "nfs001", None, item)):
            sink.write(line)


@pytest.mark.parametrize(
    "path", [b"../x", b"a/../../x", b"/x", b"//x", b"a//x", b"./x", b"a/.", b"..", b".", b"a/../x", b"x\0y"]
)
@pytest.mark.parametrize("how", RestoreMode)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: bytes, how: RestoreMode) -> None:
    saved = SavedItem(item(path), ("x",), False, ONE)
    if b"\0" in path:
        with pytest.raises((StepFailed, ValueError)):
            hostile(tmp_path, saved)
            list(back(tmp_path, how).values())
        return
    hostile(tmp_path, saved)
    try:
        assert all(one.failed for one in back(tmp_path, how).values())
    except StepFailed as error:
        assert "something else in the place of" in str(error)
    assert os.listdir(tmp_path / "live") == [] and sorted(os.listdir(tmp_path)) == ["kept", "live"]


@pytest.mark.parametrize("target", [b"/etc", b"..", b"../x", b"a/../../x", b""])
def test_a_link_that_leads_out_is_refused_and_nothing_goes_through_one_that_does_not(
    tmp_path: Path, target: bytes
) -> None:
    hostile(
        tmp_path,
        SavedItem(item(b"in", SYMLINK, b"dir"), ("x",), False),
        SavedItem(item(b"in/file"), ("x",), False, ONE),
        SavedItem(item(b"out", SYMLINK, target), ("x",), False),
        SavedItem(item(b"out/file"), ("x",), False, ONE),
    )
    (tmp_path / "live" / "dir").mkdir()
    done = back(tmp_path, RestoreMode.OVER)
    assert not done[b"in"].failed and os.readlink(tmp_path / "live" / "in") == "dir"
    assert done[b"in/file"].failed and done[b"out"].failed
    assert os.listdir(tmp_path / "live" / "dir") == []


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x" * 2000,
        tar_of((member("b"), b"one")),
        tar_of((member("a"), b"two")),
        tar_of((member("a"), b"ones")),
        tar_of((member("a"), b"on")),
        tar_of((member("a", tarfile.SYMTYPE, "/etc/passwd"), b"")),
        tar_of((member("a", tarfile.LNKTYPE, "/etc/passwd"), b"")),
        tar_of((member("a", tarfile.CHRTYPE), b"")),
        tar_of((member("a", tarfile.FIFOTYPE), b"")),
        tar_of((member("a"), b"one"), (member("a"), b"two")),
        tar_of((member("../a"), b"one")),
        tar_of((member("a"), b"one"))[:514],
    ],
)
def test_an_archive_that_is_not_what_its_manifest_says_gives_nothing(tmp_path: Path, raw: bytes) -> None:
    hostile(tmp_path, SavedItem(item(b"a"), ("x",), False, ONE), raw=raw)
    with pytest.raises(StepFailed):
        back(tmp_path, RestoreMode.OVER)
    files = files_of(tmp_path / "live")
    assert files in ({}, {b"a": b"one"})


def test_special_files_and_the_root_are_told_and_left_as_they_are(tmp_path: Path) -> None:
    hostile(
        tmp_path, SavedItem(item(b"", DIRECTORY), ("x",), True), SavedItem(item(b"pipe", OTHER), ("x",), False)
    )  # fmt: skip
    for dry_run in (True, False):
        done = back(tmp_path, RestoreMode.OVER, dry_run=dry_run)
        assert done[b""].failed and done[b"pipe"].failed
    assert os.listdir(tmp_path / "live") == []


def test_what_is_there_and_is_no_file_is_not_put_over(tmp_path: Path) -> None:
    keep(tmp_path, {b"a": b"one"}, {b"a/b": b"two"})
    assert back(tmp_path, RestoreMode.OVER)[b"a"].words == "what is there now is neither a file nor a link"
    assert files_of(tmp_path / "live") == {b"a/b": b"two"}


def test_a_salvage_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    keep(tmp_path, {b"a": b"one"}, {})
    (tmp_path / "kept" / "home-i1").chmod(0o777)
    with pytest.raises(StepFailed, match="others may write"):
        back(tmp_path, RestoreMode.OVER)


def test_a_name_that_becomes_too_long_is_told(tmp_path: Path) -> None:
    keep(tmp_path, {b"x" * 250: b"one"}, {})
    assert back(tmp_path, RestoreMode.BESIDE)[b"x" * 250].words == "File name too long"
    assert os.listdir(tmp_path / "live") == []
