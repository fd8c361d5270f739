"""What only the losing copy has is kept byte for byte, or nothing is left behind and the reason is reported."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given

from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.recovery import differences, manifest, targets
from remediate.recovery.items import DIRECTORY, FILE, OTHER
from remediate.recovery.salvage import (
    SalvageCheck,
    first_difference,
    make_ready,
    read_manifest,
    salvage,
    unchanged_since,
    verify,
)
from remediate.recovery.trees import DirectoryTree, kind_of
from remediate.state.journal_reading import read
from tests.recovery.copies import (
    COPIES,
    UNKNOWN,
    Content,
    Link,
    content_of,
    in_archive,
    in_memory,
    local_context,
    make,
    remote,
    ssh,
)
from tests.waiting import awaited

CHILD = Path(__file__).with_name("child.py")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "kept").mkdir()
    return local_context(tmp_path / "state")


def two(directory: Path, losing: Mapping[bytes, Content], winner: Mapping[bytes, Content]) -> tuple[
    DirectoryTree, DirectoryTree
]:  # fmt: skip
    return make(directory / "losing", losing), make(directory / "winner", winner)


def keep(context: Context, tmp_path: Path, since: float = UNKNOWN) -> manifest.Manifest:
    losing, winner = DirectoryTree(str(tmp_path / "losing")), DirectoryTree(str(tmp_path / "winner"))
    return salvage(context, "home", losing, winner, since, str(tmp_path / "kept"), "i1")


def why(salvaged: manifest.Manifest) -> dict[bytes, tuple[str, ...]]:
    return {item.item.path: item.why for item in salvaged.files}


# --- the promise -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(COPIES, COPIES)
def test_whatever_differs_is_kept_byte_for_byte_and_what_is_the_same_is_not(
    losing: Mapping[bytes, Content], winner: Mapping[bytes, Content]
) -> None:
    with in_memory() as directory:
        place = Path(directory)
        here, there = two(place, losing, winner)
        (place / "kept").mkdir()
        (place / "state").mkdir(mode=0o755)
        context = local_context(place / "state")
        manifest = salvage(context, "home", here, remote(place / "winner"), UNKNOWN, str(place / "kept"), "i1")
        stored = in_archive(place / "kept" / "home-i1")
        on_winner = {item.path: content_of(there, item) for item in there.walk()}
        for item in here.walk():
            same = on_winner.get(item.path) == content_of(here, item)
            assert same == (item.path not in stored)
            if not same and item.kind == FILE:
                assert stored[item.path][:2] == (FILE, b"".join(here.chunks(item.path)))
            elif not same:
                assert stored[item.path][0] == item.kind and stored[item.path][2] == item.target
        assert verify(context, manifest).files == sum(kept.has_content for kept in manifest.files)
        assert bool(first_difference(here, there)) == bool(manifest.files)
        assert read_manifest(targets.at(manifest.where)).files == tuple(
            kept._replace(item=kept.item._replace(inode=0)) for kept in manifest.files
        )


@pytest.mark.slow
@given(COPIES)
def test_with_nothing_known_to_be_old_all_files_are_kept(copy: Mapping[bytes, Content]) -> None:
    with in_memory() as directory:
        here, there = two(Path(directory), copy, copy)
        kept = {paths.item.path for paths in differences.differences(here, there, 0.0)}
        assert kept == {item.path for item in here.walk() if item.kind != DIRECTORY}


def test_a_file_whose_times_a_client_has_set_back_is_found_by_its_ctime(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"one", b"b": b"one"}, {b"a": b"one", b"b": b"one"})
    for copy in ("losing", "winner"):
        for name in "ab":
            os.utime(tmp_path / copy / name, ns=(10**18, 10**18))
    latest = max(os.stat(tmp_path / "losing" / name).st_ctime_ns for name in "ab")
    assert awaited(lambda: time.time_ns() > latest + 20_000_000)
    (tmp_path / "losing" / "a").write_bytes(b"two")
    os.utime(tmp_path / "losing" / "a", ns=(10**18, 10**18))
    manifest = keep(context, tmp_path, (latest + 10_000_000) / 1e9)
    assert why(manifest) == {b"a": (differences.NEWER,)}
    assert in_archive(Path(manifest.where))[b"a"][1] == b"two"


def test_a_file_that_the_winner_rewrote_with_old_times_is_read_and_kept(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"one"}, {b"a": b"two"})
    for copy in ("losing", "winner"):
        os.utime(tmp_path / copy / "a", ns=(10**18, 10**18))
    between = os.stat(tmp_path / "losing" / "a").st_ctime_ns
    assert awaited(lambda: time.time_ns() > between + 20_000_000)
    os.utime(tmp_path / "winner" / "a", ns=(10**18, 10**18))
    assert why(keep(context, tmp_path, (between + 10_000_000) / 1e9)) == {b"a": (differences.ANOTHER_CONTENT,)}


def test_the_same_size_with_another_time_is_read_and_not_kept_where_it_is_the_same(
    context: Context, tmp_path: Path
) -> None:
    two(tmp_path, {b"a": b"one", b"b": b"one"}, {b"a": b"one", b"b": b"two"})
    for name in "ab":
        os.utime(tmp_path / "winner" / name, ns=(10**18, 10**18))
    assert why(keep(context, tmp_path, time.time() + 60)) == {b"b": (differences.ANOTHER_CONTENT,)}


def test_a_mode_alone_is_a_difference(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"one", b"d": None}, {b"a": b"one", b"d": None})
    (tmp_path / "losing" / "a").chmod(0o4755)
    (tmp_path / "losing" / "d").chmod(0o700)
    assert why(keep(context, tmp_path)) == dict.fromkeys((b"a", b"d"), (differences.ANOTHER_OWNER,))


def test_hard_links_are_stored_once_and_special_files_only_told(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"one"}, {})
    os.link(tmp_path / "losing" / "a", tmp_path / "losing" / "b")
    os.mkfifo(tmp_path / "losing" / "pipe")
    manifest = keep(context, tmp_path)
    assert in_archive(Path(manifest.where)) == {b"a": (FILE, b"one", b""), b"b": ("hard link", b"", b"a")}
    assert verify(context, manifest) == SalvageCheck(files=1, size=3, others=1)
    listed = json.loads(Path(manifest.where, "manifest.json").read_text())["files"]
    assert [(one["path"], one["kind"], one["stored"]) for one in listed] == [
        ("a", "file", True), ("b", "file", True), ("pipe", "other", False),
    ]  # fmt: skip


def test_the_journal_of_ufs_is_no_users_file_and_one_of_its_name_is(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b".sujournal": b"1", b"d/.sujournal": b"1"}, {b"d": None})
    assert set(why(keep(context, tmp_path))) == {b".sujournal", b"d/.sujournal"}
    for path in (".sujournal", "d/.sujournal"):
        (tmp_path / "losing" / path).chmod(0o400)
    losing, winner = DirectoryTree(str(tmp_path / "losing")), DirectoryTree(str(tmp_path / "winner"))
    paths = {paths.item.path for paths in differences.differences(losing, winner, UNKNOWN)}
    assert paths == ({b"d/.sujournal"} if os.geteuid() == 0 else {b".sujournal", b"d/.sujournal"})


def test_what_hastwatch_keeps_of_clients_is_no_users_file(tmp_path: Path) -> None:
    two(tmp_path, {b".hastwatch.clients": b"1", b"d/.hastwatch.clients": b"1"}, {b"d": None})
    for path in (".hastwatch.clients", "d/.hastwatch.clients"):
        (tmp_path / "losing" / path).chmod(0o600)
    losing, winner = DirectoryTree(str(tmp_path / "losing")), DirectoryTree(str(tmp_path / "winner"))
    paths = {paths.item.path for paths in differences.differences(losing, winner, UNKNOWN)}
    assert paths == (
        {b"d/.hastwatch.clients"} if os.geteuid() == 0 else {b".hastwatch.clients", b"d/.hastwatch.clients"}
    )


def test_a_snapshot_of_the_file_system_is_told_and_not_stored() -> None:
    assert kind_of(stat.S_IFREG | 0o400, stat.SF_SNAPSHOT | stat.SF_IMMUTABLE) == OTHER
    assert kind_of(stat.S_IFREG | 0o400, stat.SF_IMMUTABLE) == FILE


def test_what_is_kept_is_readable_by_nobody_else_and_its_manifest_says_what_and_why(
    context: Context, tmp_path: Path
) -> None:
    two(tmp_path, {b"a\xff": b"one", b"l": Link(b"x")}, {b"l": Link(b"y")})
    manifest = keep(context, tmp_path, time.time() + 60)
    assert manifest.where == f"{tmp_path}/kept/home-i1"
    assert oct(os.stat(manifest.where).st_mode)[-3:] == "700"
    assert {oct(os.stat(Path(manifest.where, name)).st_mode)[-3:] for name in os.listdir(manifest.where)} == {"600"}
    assert sorted(os.listdir(manifest.where)) == ["files.tar", "manifest.json"]
    listed = json.loads(Path(manifest.where, "manifest.json").read_text())
    assert (listed["version"], listed["resource"], listed["incident"], listed["node"]) == (1, "home", "i1", "nfs001")
    first, second = listed["files"]
    assert first["path"] == "a\\xff" and first["path_base64"] == "Yf8=" and first["sides"] == ["losing"]
    assert first["why"] == [differences.MISSING] and len(first["sha256"]) == 64
    assert second["target"] == "x" and second["sides"] == ["losing", "winner"]
    assert [entry.event for entry in read(str(tmp_path / "state" / "journal.jsonl"))] == ["salvage"]


# --- the proof that there is nothing to keep -------------------------------------------------------------------------


def test_a_copy_of_which_no_inode_was_changed_is_unchanged_and_anything_else_is_named(tmp_path: Path) -> None:
    tree = make(tmp_path / "losing", {b"d/a": b"one", b"l": Link(b"x")})
    changed = max(item.ctime_ns for item in tree.walk()) / 1e9
    assert unchanged_since(tree, changed + 61, 60) == ""
    for since, margin in ((changed, 0.1), (changed + 59, 60)):
        assert "was changed at 20" in unchanged_since(tree, since, margin)


@pytest.mark.parametrize("act", ["write", "utime", "remove", "rename", "chmod", "link", "make"])
def test_no_change_of_a_client_escapes_the_proof(act: str, tmp_path: Path) -> None:
    tree = make(tmp_path / "losing", {b"d/a": b"one", b"d/b": b"one"})
    since = max(item.ctime_ns for item in tree.walk()) + 10_000_000
    assert awaited(lambda: time.time_ns() > since + 10_000_000)
    one, other = tmp_path / "losing" / "d" / "a", tmp_path / "losing" / "d" / "b"
    assert unchanged_since(tree, since / 1e9, 0) == ""
    acts: dict[str, Callable[[], object]] = {
        "write": lambda: one.write_bytes(b"two"),
        "utime": lambda: os.utime(one, ns=(0, 0)),
        "remove": one.unlink,
        "rename": lambda: one.rename(other),
        "chmod": lambda: one.chmod(0o600),
        "link": lambda: os.link(one, tmp_path / "losing" / "d" / "c"),
        "make": lambda: (tmp_path / "losing" / "d" / "c").mkdir(),
    }
    acts[act]()
    assert unchanged_since(tree, since / 1e9, 0).startswith("d")


def test_names_that_could_not_be_read_are_no_proof(tmp_path: Path) -> None:
    tree = make(tmp_path / "losing", {b"a": b"one"})
    tree.vanished = 1
    assert unchanged_since(tree, time.time() + 60, 0) == "1 names could not be read"
    assert first_difference(tree, tree) == "1 names could not be read"


# --- room, interruptions, and what is there already ------------------------------------------------------------------


class Crowded(targets.Directory):
    """A directory of a disk that is nearly full."""

    def room(self) -> int:
        """See Target."""
        return min(super().room(), 5000)


def test_without_room_nothing_is_begun(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two(tmp_path, {b"a": b"x" * 6000}, {})
    monkeypatch.setattr(targets, "Directory", Crowded)
    with pytest.raises(StepFailed, match=r"home-i1: .* are needed, 4.9 KiB are free"):
        keep(context, tmp_path)
    assert os.listdir(tmp_path / "kept") == []


def run_child(mode: str, place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), mode, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_a_disk_that_becomes_full_leaves_nothing_and_says_so(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"x" * (3 << 20)}, {})
    with run_child("full", tmp_path) as child:
        assert "File too large" in child.communicate()[0]
    assert os.listdir(tmp_path / "kept") == []
    assert [entry.result.partition(":")[0] for entry in read(str(tmp_path / "state" / "journal.jsonl"))] == ["failed"]


@pytest.mark.slow
def test_a_killed_salvage_is_thrown_away_by_the_next_one(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": os.urandom(5 << 20)}, {})
    with run_child("stopped", tmp_path) as child:
        assert child.stdout is not None and child.stdout.readline() == "writing\n"
        child.kill()
        child.wait()
    assert os.listdir(tmp_path / "kept" / "home-i1") == ["files.tar.part"]
    manifest = keep(context, tmp_path)
    assert sorted(os.listdir(manifest.where)) == ["files.tar", "manifest.json"]
    assert verify(context, manifest).size == 5 << 20


def test_a_finished_salvage_is_taken_as_it_is_and_never_written_over(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"one"}, {})
    first = keep(context, tmp_path)
    before = os.stat(Path(first.where, "files.tar"))
    again = keep(context, tmp_path)
    assert os.path.samestat(os.stat(Path(again.where, "files.tar")), before)
    assert verify(context, again) == SalvageCheck(1, 3, 0)
    (tmp_path / "losing" / "b").write_bytes(b"more")
    more = keep(context, tmp_path)
    assert more.where == f"{first.where}.2" and set(why(more)) == {b"a", b"b"}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "No such file"),
        ("file", "not a directory"),
        ("link", "not a directory"),
        ("open", "others may write"),
    ],
)
def test_a_place_that_cannot_be_trusted_or_is_not_there_is_refused(
    context: Context, tmp_path: Path, place: str, said: str
) -> None:
    two(tmp_path, {b"a": b"one"}, {})
    (tmp_path / "file").touch()
    (tmp_path / "kept" / "home-i1").symlink_to(tmp_path)
    (tmp_path / "open" / "home-i1").mkdir(parents=True)
    (tmp_path / "open" / "home-i1").chmod(0o777)
    where = tmp_path / ("kept" if place == "link" else place)
    losing = DirectoryTree(str(tmp_path / "losing"))
    with pytest.raises(StepFailed, match=said):
        salvage(context, "home", losing, DirectoryTree(str(tmp_path / "winner")), UNKNOWN, str(where), "i1")
    assert not (tmp_path / "files.tar").exists()


def test_nothing_is_kept_where_the_next_mount_would_hide_it(context: Context, tmp_path: Path) -> None:
    losing, winner = two(tmp_path, {b"a": b"one"}, {})
    (tmp_path / "way").symlink_to("/hast/home/kept")
    for place in ("/hast/home", "/hast/home/kept", str(tmp_path / "way")):
        with pytest.raises(StepFailed, match="under the mount point of home"):
            salvage(context, "home", losing, winner, UNKNOWN, place, "i1")


@pytest.mark.parametrize("incident", ["../x", "a b", "x" * 300, "/../..", "a\n"])
def test_an_incident_never_becomes_another_directory(context: Context, tmp_path: Path, incident: str) -> None:
    losing, winner = two(tmp_path, {b"a": b"one"}, {})
    with pytest.raises(StepFailed, match="cannot be the name"):
        salvage(context, "home", losing, winner, UNKNOWN, str(tmp_path / "kept"), incident)


def test_names_that_vanish_from_the_losing_copy_stop_it(context: Context, tmp_path: Path) -> None:
    losing, winner = two(tmp_path, {b"a": b"one"}, {})
    losing.vanished = 2
    with pytest.raises(StepFailed, match="keep an image"):
        salvage(context, "home", losing, winner, UNKNOWN, str(tmp_path / "kept"), "i1")


# --- reading it back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap", "manifest", "none"])
def test_a_salvage_that_is_not_what_was_kept_is_no_salvage(context: Context, tmp_path: Path, damage: str) -> None:
    two(tmp_path, {b"a": b"x" * 3000, b"b": b"y" * 3000}, {})
    manifest = keep(context, tmp_path)
    path = Path(manifest.where, "files.tar")
    raw = path.read_bytes()
    at = raw.index(b"x" * 3000)
    damaged = {
        "flip": raw[:at] + b"z" + raw[at + 1 :],
        "cut": raw[: at + 2000],
        "empty": b"",
        "swap": raw.replace(b"x" * 3000, b"y" * 3000),
    }
    path.write_bytes(damaged.get(damage, raw))
    if damage == "manifest":
        listed = Path(manifest.where, "manifest.json")
        listed.write_text(listed.read_text().replace('"size": 3000', '"size": 3001'))
    if damage == "none":
        assert verify(context, manifest).files == 2
        return
    with pytest.raises(StepFailed):
        verify(context, manifest)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b'{"version": 2}', b'{"version": 1, "files": [1]}', b"\xff"]
)
def test_what_is_no_manifest_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(StepFailed, match=r"\A/x: .*\Z"):
        manifest.parse(raw, "/x")


# --- over ssh --------------------------------------------------------------------------------------------------------


def over_ssh(
    context: Context, tmp_path: Path, program: tuple[str, ...], place: str = "ssh://keeper@vault"
) -> manifest.Manifest:
    losing, winner = DirectoryTree(str(tmp_path / "losing")), DirectoryTree(str(tmp_path / "winner"))
    return salvage(context, "home", losing, winner, UNKNOWN, f"{place}{tmp_path}/kept", "i1", ssh=program)


def test_a_salvage_goes_over_ssh_and_is_read_back_from_there(context: Context, tmp_path: Path) -> None:
    (tmp_path / "kept").rename(tmp_path / "it's kept")
    two(tmp_path, {b"a\n": os.urandom(3 << 20), b"b": b"one"}, {b"b": b"two"})
    losing, winner = DirectoryTree(str(tmp_path / "losing")), DirectoryTree(str(tmp_path / "winner"))
    place = f"ssh://keeper@vault:2222{tmp_path}/it's kept"
    manifest = salvage(context, "home", losing, winner, UNKNOWN, place, "i1", ssh=ssh(tmp_path))
    there = tmp_path / "it's kept" / "home-i1"
    assert manifest.where == f"{place}/home-i1"
    assert sorted(os.listdir(there)) == ["files.tar", "manifest.json"]
    assert oct(there.stat().st_mode)[-3:] == "700" and oct((there / "files.tar").stat().st_mode)[-3:] == "600"
    assert set(in_archive(there)) == {b"a\n", b"b"}
    assert verify(context, manifest, ssh=ssh(tmp_path)).files == 2
    called = (tmp_path / "ssh.log").read_text().splitlines()
    assert called[:6] == ["-o", "BatchMode=yes", "-p", "2222", "--", "keeper@vault"]
    again = salvage(context, "home", losing, winner, UNKNOWN, place, "i1", ssh=ssh(tmp_path))
    assert again.where == manifest.where


def test_a_missing_directory_on_another_machine_is_made_and_only_that_one(context: Context, tmp_path: Path) -> None:
    place = f"ssh://keeper@vault{tmp_path}/it's new"
    make_ready(context, "home", place, ssh=ssh(tmp_path))
    make_ready(context, "home", place, ssh=ssh(tmp_path))
    assert oct((tmp_path / "it's new").stat().st_mode)[-3:] == "700"
    with pytest.raises(StepFailed, match=r"keeper@vault: .*mkdir.*No such file or directory"):
        make_ready(context, "home", f"ssh://keeper@vault{tmp_path}/not/there", ssh=ssh(tmp_path))


def test_a_connection_that_is_lost_in_the_middle_leaves_no_salvage(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": os.urandom(3 << 20)}, {})
    losing_all = ssh(
        tmp_path, 'case "$last" in *"cat >"*) head -c 1000000 | /bin/sh -c "$last";; *) exec /bin/sh -c "$last";; esac'
    )
    with pytest.raises(StepFailed, match="keeper@vault"):
        over_ssh(context, tmp_path, losing_all)
    assert os.listdir(tmp_path / "kept") == []


def test_what_arrived_is_weighed_before_it_gets_its_name(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"x" * 3000}, {})
    lost = '/bin/sh -c "$last" < /dev/null; cat > /dev/null'
    swallowing = ssh(tmp_path, f'case "$last" in *"cat >"*) {lost};; *) exec /bin/sh -c "$last";; esac')
    with pytest.raises(StepFailed, match="was cut off"):
        over_ssh(context, tmp_path, swallowing)
    assert os.listdir(tmp_path / "kept") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("echo 'Host key verification failed.' >&2; exit 255", "keeper@vault: Host key verification failed."),
        ('printf "no\\033[2J\\n" >&2; exit 255', r"keeper@vault: no\\x1b"),
        ("echo x", "df on keeper@vault is not understood"),
        ("df() { printf 'h\\n/dev/x 100 99 1 99%% /kept\\n'; }; eval \"$last\"", "4.5 KiB are needed|are free"),
    ],
)
def test_another_machine_that_cannot_take_it_is_told_in_its_words(
    context: Context, tmp_path: Path, line: str, said: str
) -> None:
    two(tmp_path, {b"a": b"x" * 3000}, {})
    with pytest.raises(StepFailed, match=said):
        over_ssh(context, tmp_path, ssh(tmp_path, line))
    assert os.listdir(tmp_path / "kept") == []


@pytest.mark.parametrize(
    "place",
    [
        "ssh://-oProxyCommand=x/kept",
        "ssh://a@-b/kept",
        "ssh://a b/kept",
        "ssh://host",
        "ssh:///kept",
        "ssh://h/a\nb",
        "kept",
    ],
)
def test_a_place_that_ssh_could_take_for_something_else_is_refused(place: str) -> None:
    with pytest.raises(StepFailed):
        targets.target(place, "home-i1")


def test_a_program_that_is_not_there_is_said(context: Context, tmp_path: Path) -> None:
    two(tmp_path, {b"a": b"one"}, {})
    with pytest.raises(StepFailed, match=r"/nowhere/ssh: No such file"):
        over_ssh(context, tmp_path, ("/nowhere/ssh",))
