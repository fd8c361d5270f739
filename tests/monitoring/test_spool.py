"""The spool keeps results in order, on the disk, for its owner alone, and no more than it may."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remediate.monitoring.result import CheckResult, parsed
from remediate.monitoring.spool import MOST_REFUSED, Bounds, Spool, SpoolError
from tests.monitoring.receivers import Skipping
from tests.monitoring.submitter import a_result
from tests.state import child


def spool_in(tmp_path: Path, most: int = 1000, keep: float = 86400.0, timing: Skipping | None = None) -> Spool:
    return Spool(str(tmp_path / "spool"), "icinga", Bounds(most, keep), timing or Skipping())


def kept(spool: Spool) -> list[CheckResult | None]:
    return [spool.read(name) for name in spool.names()]


def test_what_is_put_in_comes_out_in_order_and_unchanged(tmp_path: Path) -> None:
    results = [a_result(number=number, long_output="a\nb", perfdata=("ä=1", "b=2"), ttl=9.0) for number in range(20)]
    spool = spool_in(tmp_path)
    for result in results:
        spool.put(result)
    assert kept(spool_in(tmp_path)) == results


def test_order_survives_a_clock_that_is_set_back(tmp_path: Path) -> None:
    spool_in(tmp_path, timing=Skipping(2e9)).put(a_result(number=1))
    spool_in(tmp_path, timing=Skipping(1e9)).put(a_result(number=2))
    assert kept(spool_in(tmp_path)) == [a_result(number=1), a_result(number=2)]


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    os.umask(os.umask(0))
    spool = spool_in(tmp_path)
    name = spool.put(a_result())
    assert os.stat(os.path.join(spool.directory, name)).st_mode & 0o777 == 0o600
    assert os.stat(spool.directory).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    spool = spool_in(tmp_path)
    spool.put(a_result())
    os.chmod(spool.directory, mode)
    with pytest.raises(SpoolError, match="this user alone"):
        spool.put(a_result())


def test_a_spool_that_is_a_file_or_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    (tmp_path / "spool").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match="not a directory"):
        spool_in(tmp_path).put(a_result())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away, and only root is held to it")
@pytest.mark.parametrize(("owner", "mode", "kept"), [
    (65534, 0o755, False), (65534, 0o1777, False), (0, 0o775, False), (0, 0o777, False), (0, 0o1777, True),
])  # fmt: skip
def test_root_keeps_nothing_where_another_user_can_put_a_link(
    tmp_path: Path, owner: int, mode: int, kept: bool
) -> None:
    above = tmp_path / "above"
    above.mkdir()
    above.chmod(mode)
    os.chown(above, owner, -1)
    spool = Spool(str(above / "spool"), "icinga", Bounds(1, 1.0), Skipping())
    if kept:
        spool.put(a_result())
    else:
        with pytest.raises(SpoolError, match=f"others than root can change {above}"):
            spool.put(a_result())


@pytest.mark.slow
def test_nothing_but_results_is_removed_of_what_was_set_aside(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.set_aside(spool.put(a_result()))
    other = Path(spool.directory) / "refused" / "0-a-note-of-mine"
    other.touch()
    for name in [spool.put(a_result(number=number)) for number in range(MOST_REFUSED + 1)]:
        spool.set_aside(name)
    assert other.exists()
    assert len(os.listdir(other.parent)) == MOST_REFUSED + 1


def test_the_longest_result_that_there_can_be_is_read_again(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    wide = "\U0001f4a9"
    text = f"{wide * 3000}|" + " ".join(f"'{number}{wide * 190}'=1" for number in range(300))
    output, longer, perfdata = parsed("\n".join([text, *[wide * 2000] * 200]))
    result = a_result(output=output, long_output=longer, perfdata=perfdata)
    assert spool.read(spool.put(result)) == result


def test_of_too_many_those_go_first_that_a_later_one_supersedes(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, most=4)
    for service, number in (("once", 0), ("often", 1), ("often", 2), ("twice", 3), ("often", 4), ("twice", 5)):
        spool.put(a_result(service, number))
    assert spool.bound() == ["dropped from the spool without being sent: 2 (more than 4 wait)"]
    assert kept(spool) == [a_result(*each) for each in (("once", 0), ("twice", 3), ("often", 4), ("twice", 5))]


def test_of_too_many_services_the_oldest_result_goes(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, most=2)
    for number in range(3):
        spool.put(a_result(f"service {number}", number))
    spool.bound()
    assert kept(spool) == [a_result("service 1", 1), a_result("service 2", 2)]


def test_what_waits_too_long_goes_and_so_does_what_a_killed_process_was_writing(tmp_path: Path) -> None:
    timing = Skipping()
    spool = spool_in(tmp_path, keep=60.0, timing=timing)
    name = spool.put(a_result(number=1))
    (Path(spool.directory) / f".new-{name}").write_text('{"host": ')
    timing.time += 50
    spool.put(a_result(number=2))
    assert spool.bound() == []
    timing.time += 20
    assert spool.bound() == ["dropped from the spool without being sent: 1 (they waited for more than 60 s)"]
    assert kept(spool) == [a_result(number=2)]
    assert not [name for name in os.listdir(spool.directory) if name.startswith(".")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 1}', "null", '{"perfdata": 5}'])
def test_a_file_that_is_none_of_ours_is_no_result(tmp_path: Path, text: str) -> None:
    spool = spool_in(tmp_path)
    name = spool.put(a_result())
    (Path(spool.directory) / name).write_text(text)
    assert spool.read(name) is None


def test_a_result_with_a_wrong_kind_of_value_is_no_result(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    name = spool.put(a_result(status="2"))
    assert spool.read(name) is None


@pytest.mark.slow
def test_what_is_set_aside_is_bounded_too(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    names = [spool.put(a_result(number=number)) for number in range(MOST_REFUSED + 5)]
    for name in names:
        spool.set_aside(name)
    assert spool.names() == []
    assert [spool.was_set_aside(name) for name in names] == [False] * 5 + [True] * MOST_REFUSED


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    program = """
import resource, sys
from remediate.monitoring.spool import SpoolError
from tests.monitoring.submitter import a_result
from tests.monitoring.test_spool import spool_in
from pathlib import Path
spool = spool_in(Path(sys.argv[1]))
spool.put(a_result(number=1))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    spool.put(a_result(number=2))
except SpoolError as error:
    print(error)
"""
    assert child.run(program, tmp_path) == f"{tmp_path}/spool/icinga: File too large\n"
    assert kept(spool_in(tmp_path)) == [a_result(number=1)]
    assert len(os.listdir(spool_in(tmp_path).directory)) == 1


@pytest.mark.slow
def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    program = """
import sys
from tests.monitoring.submitter import a_result
from tests.monitoring.test_spool import spool_in
from pathlib import Path
for number in range(20):
    spool_in(Path(sys.argv[1])).put(a_result(sys.argv[2], number))
"""
    children = [child.start(program, tmp_path, f"service {each}") for each in range(4)]
    assert [process.communicate(timeout=60)[1] for process in children] == [""] * 4
    for each in range(4):
        results = [result for result in kept(spool_in(tmp_path)) if result and result.service == f"service {each}"]
        assert results == [a_result(f"service {each}", number) for number in range(20)]
