"""What is kept between runs: atomically, only where nobody else can write, and never needed."""

import os
from pathlib import Path

import pytest

from checks.probes.state_cache import Memory


def test_what_was_kept_comes_back_and_can_be_forgotten(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path / "state"))
    memory.put("home/../x", {"dirty": 7})
    assert Memory(str(tmp_path / "state")).get("home/../x") == {"dirty": 7}
    assert os.listdir(tmp_path) == ["state"]
    memory.forget("home/../x")
    assert memory.get("home/../x") == {}
    assert memory.trouble == ""


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", "[" * 100000])
def test_a_damaged_file_is_an_absent_one(tmp_path: Path, text: str) -> None:
    memory = Memory(str(tmp_path / "state"))
    memory.put("x", {"a": 1})
    (tmp_path / "state" / "x.json").write_text(text)
    assert memory.get("x") == {}


def test_a_directory_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    memory = Memory(str(tmp_path / "state"))
    memory.put("x", {"a": 1})
    assert memory.get("x") == {}
    assert "not a directory of this user alone" in memory.trouble


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_user_who_was_there_first_keeps_nobody_from_remembering(tmp_path: Path) -> None:
    """Else whoever makes /var/tmp/hastwatch-0 has every hung command of root's checks started again each minute."""
    tmp_path.chmod(0o1777)
    for name in ("hastwatch-0", "hastwatch-0.first"):
        (tmp_path / name).mkdir(mode=0o700)
        os.chown(tmp_path / name, 65534, 65534)
    memory = Memory(parent=str(tmp_path))
    memory.put("x", {"a": 1})
    assert memory.trouble == ""
    assert Memory(parent=str(tmp_path)).get("x") == {"a": 1}
    assert len(os.listdir(tmp_path)) == 3 and not os.listdir(tmp_path / "hastwatch-0")


def test_a_link_in_the_place_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    Memory(str(tmp_path / "state")).put("x", {"a": 1})
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_place_that_cannot_be_made_is_only_trouble() -> None:
    memory = Memory("/proc/nowhere/state")
    memory.put("x", {"a": 1})
    assert memory.get("x") == {}
    assert memory.trouble.startswith("cannot keep state in /proc/nowhere/state: ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_leaves_the_old_values(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path / "state"))
    memory.put("x", {"a": 1})
    (tmp_path / "state" / f"x.json.{os.getpid()}").symlink_to("/dev/full")
    memory.put("x", {"a": 2})
    assert memory.get("x") == {"a": 1}
    assert "No space left" in memory.trouble
