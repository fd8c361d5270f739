"""Who is ended because a file system is to be unmounted: whoever fstat(1) lists, but not hastwatch itself."""

from __future__ import annotations

import os
from pathlib import Path

from checks.plugin.config import Config
from checks.probes.memory import Memory
from checks.probes.process import Completed
from remediate.failover import filesystems
from remediate.failover.resource import Place
from remediate.site import Site, Way
from remediate.state.journal import Journal
from remediate.state.store import Store
from remediate.timing import Timing

HEADER = "USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W\n"
PLACE = Place("home", "/dev/hast/home", "/hast/home", "", "", "", ())


class Listed(Way):
    """A node on which a program prints this, and that remembers what was run."""

    def __init__(self, listing: str) -> None:
        super().__init__((), Memory(None))
        self.listing, self.ran = listing, list[tuple[str, ...]]()

    def act(self, argv: tuple[str, ...], seconds: float) -> Completed:
        self.ran.append(argv)
        busy = {"umount": Completed(argv, 1, "", "umount: /hast/home: Device busy", 0.0)}
        name = os.path.basename(argv[0])
        return busy.get(name, Completed(argv, 0, self.listing if name == "fstat" else "", "", 0.0))


def test_a_command_of_several_words_is_named_and_found() -> None:
    listing = (
        f"{HEADER}www      Web Content  4711   wd /hast/home      2 drwxr-xr-x     512  r\n"
        "root     sh         812 text /hast/home     17 -r-xr-xr-x  168960  r\n"
        "root     cp          813    3* /hast/home     19 -rw-r--r--    4096  w\n"
    )
    assert filesystems.users(listing) == {4711: "Web Content", 812: "sh", 813: "cp"}


def test_a_listing_of_nobody_is_of_nobody() -> None:
    assert filesystems.users(HEADER) == {}
    assert filesystems.users("") == {}


def test_hastwatch_does_not_end_itself_where_its_caller_works_in_the_file_system(tmp_path: Path) -> None:
    ours = f"root     python3.11 {os.getpid()}   wd /hast/home      2 drwxr-xr-x     512  r\n"
    others = "jane     vi         4711   wd /hast/home      2 drwxr-xr-x     512  r\n"
    here = Listed(HEADER + ours + others)
    store = Store(str(tmp_path))
    journal = Journal(str(tmp_path / "journal.jsonl"), "nfs001", Timing(), lambda level, line: None)
    site = Site(here, None, Config(), store, journal, Timing())
    assert filesystems.users_to_end(site, PLACE) == {4711: "vi"}
    assert here.ran == [("/usr/bin/fstat", "-f", "/hast/home")]
