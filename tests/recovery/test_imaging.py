"""An image of the losing copy: exactly the data area, read back, or nothing."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.failover.errors import StepFailed
from remediate.recovery.imaging import image_of
from remediate.recovery.readonly import Area
from remediate.recovery.targets import BLOCK, Directory, target
from tests.recovery.copies import in_memory, ssh

SECTOR = 512
ABOUT = {"resource": "home", "incident": "i1"}


def silent(_: str) -> None:
    """Nobody watches."""


@given(st.integers(0, 20), st.integers(1, 40))
def test_exactly_the_data_area_is_kept(before: int, length: int) -> None:
    with in_memory() as directory:
        disk = os.urandom((before + length + 3) * SECTOR)
        Path(directory, "disk").write_bytes(disk)
        area = Area(f"{directory}/disk", before * SECTOR, length * SECTOR)
        sentence = image_of(area, Directory(directory, "home-i1.image"), ABOUT, silent)
        assert sentence.endswith(f"at {directory}/home-i1.image") and "read back and found equal" in sentence
        with gzip.open(f"{directory}/home-i1.image/image.gz") as file:
            assert file.read() == disk[before * SECTOR : (before + length) * SECTOR]
        values = json.loads(Path(directory, "home-i1.image", "manifest.json").read_text())
        assert (values["resource"], values["offset"], values["size"]) == ("home", before * SECTOR, length * SECTOR)


@pytest.fixture
def area(tmp_path: Path) -> Area:
    (tmp_path / "disk").write_bytes(os.urandom(4608) + os.urandom(3 * BLOCK + SECTOR))
    return Area(str(tmp_path / "disk"), 4608, 3 * BLOCK + SECTOR)


def test_an_image_goes_over_ssh_too(area: Area, tmp_path: Path) -> None:
    there = target(f"ssh://vault{tmp_path}", "home-i1.image", ssh(tmp_path))
    image_of(area, there, ABOUT, silent)
    with gzip.open(tmp_path / "home-i1.image" / "image.gz") as file:
        assert file.read() == (tmp_path / "disk").read_bytes()[4608:]


def test_a_finished_image_is_read_back_and_not_made_again(area: Area, tmp_path: Path) -> None:
    there = Directory(str(tmp_path), "home-i1.image")
    image_of(area, there, ABOUT, silent)
    before = os.stat(tmp_path / "home-i1.image" / "image.gz").st_ino
    image_of(area, there, ABOUT, silent)
    assert os.stat(tmp_path / "home-i1.image" / "image.gz").st_ino == before


@pytest.mark.parametrize("damage", ["flip", "cut", "none"])
def test_an_image_that_is_not_what_was_kept_is_none(area: Area, tmp_path: Path, damage: str) -> None:
    there = Directory(str(tmp_path), "home-i1.image")
    image_of(area, there, ABOUT, silent)
    path = tmp_path / "home-i1.image" / "image.gz"
    raw = path.read_bytes()
    path.write_bytes({"flip": raw[:9999] + bytes([raw[9999] ^ 1]) + raw[10000:], "cut": raw[:9999]}.get(damage, raw))
    if damage == "none":
        image_of(area, there, ABOUT, silent)
        return
    with pytest.raises(StepFailed):
        image_of(area, there, ABOUT, silent)


def test_a_disk_that_is_shorter_than_its_metadata_says_leaves_nothing(area: Area, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="ends 512 bytes too early"):
        image_of(area._replace(size=area.size + SECTOR), Directory(str(tmp_path), "home-i1.image"), ABOUT, silent)
    assert not (tmp_path / "home-i1.image").exists()


def test_room_for_all_of_it_is_asked_for(area: Area, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"are needed, .* are free"):
        image_of(area._replace(size=1 << 60), Directory(str(tmp_path), "home-i1.image"), ABOUT, silent)
    assert not (tmp_path / "home-i1.image").exists()
