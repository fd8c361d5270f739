"""A ZFS pool in the place of UFS: what is answered about it, and how it is handed over and exported.

There is no recording to hold this against; the texts are those of zpool(8)'s sources.
"""

from __future__ import annotations

import pytest

from checks.probes.filesystem import belongs, mounted_at, parse_df, parse_mount
from simulator.account.accounting import PossibleFailure, at_risk, unexplained
from simulator.account.writes import WriteFate
from simulator.faults.faults import inflict
from simulator.nfs.client import OperationResult
from tests.simulator.pools import IMPORT, become_primary, fates, healthy, home_on, write_records

# --- what a healthy pool looks like --------------------------------------------------------------------------


def test_the_pool_is_mounted_and_exported_and_the_checks_know_it_as_that_of_the_resource() -> None:
    pair, first, second = healthy()
    assert home_on(first) == "home on /hast/home (zfs, NFS exported, local, nfsv4acls)"
    assert "home\t\t\t/hast/home\t\tzfs\trw,nfsv4acls \t0 0\n" in pair.must(first, "mount -p")
    mounted = mounted_at(parse_mount(pair.must(first, "mount -v")), "/hast/home")
    assert mounted is not None and mounted.fsid and belongs(mounted, "/dev/hast/home", "home")
    assert pair.client().mount() is None
    assert home_on(second) == ""


def test_fstyp_shows_zfs_only_when_asked_for_what_mount_does_not_mount() -> None:
    """fstyp.c: zfs is `unmountable`, and those need -u."""
    _, first, _ = healthy()
    assert first.run("fstyp -u /dev/hast/home") == (0, "zfs\n", "")
    assert first.run("fstyp /dev/hast/home") == (1, "", "fstyp: /dev/hast/home: filesystem not recognized\n")


def test_lists_and_properties_are_answered_with_and_without_a_head() -> None:
    pair, first, second = healthy()
    assert pair.must(first, "zpool list -H -o name,health") == "home\tONLINE\n"
    assert pair.must(first, "zpool get -H -o value cachefile home") == "none\n"
    assert pair.must(first, "zfs get -H -o value sharenfs home") == "off\n"
    assert pair.must(first, "zfs list -H -o name,mounted,mountpoint") == "home\tyes\t/hast/home\n"
    assert pair.must(first, "zpool list").splitlines()[0].split()[:4] == ["NAME", "SIZE", "ALLOC", "FREE"]
    assert "\n state: ONLINE\n" in pair.must(first, "zpool status home")
    assert pair.must(second, "zpool list -H -o name,health") == ""
    assert pair.must(second, "zpool list") == "no pools available\n"


def test_a_pool_that_is_not_imported_is_unknown_to_every_command() -> None:
    _, _, second = healthy()
    assert second.run("zpool list -H -o name home") == (1, "", "cannot open 'home': no such pool\n")
    assert second.run("zpool export home").err == "cannot open 'home': no such pool\n"
    assert second.run("zfs mount home").err == "cannot open 'home': dataset does not exist\n"
    assert second.run(f"{IMPORT} home") == (1, "", "cannot import 'home': no such pool available\n")
    assert second.run("zpool import") == (0, "", "no pools available to import\n")


@pytest.mark.parametrize("line", ["zpool", "zpool scrub home", "zpool export -x home", "zpool export", "zfs snapshot"])
def test_wrong_usage_ends_with_2(line: str) -> None:
    _, first, _ = healthy()
    assert first.run(line).status == 2


def test_df_and_ls_show_what_is_in_the_dataset_and_nothing_of_ufs() -> None:
    pair, first, _ = healthy()
    empty = parse_df(pair.must(first, "df -ik /hast/home"), "/hast/home")
    pair.client().write_now("mail")
    filled = parse_df(pair.must(first, "df -ik /hast/home"), "/hast/home")
    assert filled.used > empty.used
    assert pair.must(first, "ls -A /hast/home") == "mail\n"
    inflict(pair, "disk-full", "nfs001")
    assert pair.client().write_now("more").answer is OperationResult.NO_SPACE
    assert parse_df(pair.must(first, "df -k /hast/home"), "/hast/home").available == 0


def test_nothing_else_is_made_or_mounted_on_the_device_of_an_imported_pool() -> None:
    _, first, _ = healthy()
    assert first.run("mount /dev/hast/home /hast/home").status == 1
    assert first.run("newfs -O2 -U -j /dev/hast/home").err == "newfs: /dev/hast/home: failed to open disk for writing\n"
    assert first.run("fsck -t ufs -p /dev/hast/home").status == 8
    assert first.run("zpool create home /dev/hast/home").err == "cannot create 'home': pool already exists\n"
    for force, how in (("", "use '-f' to override the following errors"), ("-f ", "must be manually repaired")):
        refused = first.run(f"zpool create {force}other /dev/hast/home")
        assert refused.status == 1 and how in refused.err
        assert refused.err.endswith(":\n/dev/hast/home is part of active pool 'home'\n")


def test_a_pool_does_not_replace_another_one_or_a_mounted_ufs_by_mistake() -> None:
    pair, first, _ = healthy()
    pair.must(first, "zpool export home")
    refused = first.run("zpool create home /dev/hast/home")
    assert refused.status == 1 and "/dev/hast/home is part of exported pool 'home'" in refused.err
    pair.must(first, "newfs -O2 -U -j /dev/hast/home")
    pair.must(first, "mount /dev/hast/home /hast/home")
    assert first.run("zpool create home /dev/hast/home").status == 1
    pair.must(first, "umount /hast/home")
    pair.must(first, "zpool create -O mountpoint=/hast/home -O sharenfs=on home /dev/hast/home")
    assert pair.must(first, "zfs get -H -o value sharenfs home") == "on\n"


# --- handing over --------------------------------------------------------------------------------------------


def test_an_export_and_an_import_on_the_other_node_lose_nothing_and_need_no_force() -> None:
    pair, first, second = healthy()
    write_records(pair, 65)
    assert at_risk(pair, "home", PossibleFailure.CLEAN_HANDOVER) == []
    pair.must(first, "zpool export home")
    assert home_on(first) == "" and pair.must(first, "zpool list -H") == ""
    pair.must(first, "hastctl role secondary home")
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} home")
    assert fates(pair) == [WriteFate.SERVED] * 65
    assert home_on(second).startswith("home on /hast/home (zfs, ")
    for node in (first, second):
        assert "localcnt: 0" in pair.must(node, "hastctl dump home")
    assert unexplained(pair, "home") == set()


def test_what_a_local_process_wrote_without_a_sync_is_on_the_device_after_an_export() -> None:
    pair, first, second = healthy()
    pair.must(first, "sh -c 'echo x > /hast/home/local'")
    pair.must(first, "zpool export home")
    pair.must(first, "hastctl role secondary home")
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} home")
    assert pair.must(second, "cat /hast/home/local") == "x\n"


def test_the_scan_tells_an_exported_pool_from_one_that_another_system_used() -> None:
    pair, first, second = healthy()
    guid = pair.must(first, "zpool get -H -o value guid home").strip()
    pair.must(first, "zpool export home")
    scanned = pair.must(first, "zpool import")
    assert scanned == (
        f"   pool: home\n     id: {guid}\n  state: ONLINE\n"
        " action: The pool can be imported using its name or numeric identifier.\n"
        " config:\n\n\thome         ONLINE\n\t  hast/home  ONLINE\n"
    )
    pair.must(first, f"{IMPORT} {guid}")
    first.power_off()
    become_primary(pair, second)
    scanned = pair.must(second, "zpool import -d /dev/hast")
    assert "\nstatus: The pool was last accessed by another system.\n" in scanned
    assert "numeric identifier and\n\tthe '-f' flag.\n" in scanned
    assert pair.must(second, "zpool list -H") == ""


def test_a_pool_that_its_last_host_did_not_export_is_imported_elsewhere_only_by_force() -> None:
    pair, first, second = healthy()
    pair.clock.advance_to(first.clock.now + 60)
    write_records(pair, 1)
    pair.clock.advance(10)
    first.power_off()
    become_primary(pair, second)
    refused = second.run(f"{IMPORT} home")
    assert refused.status == 1
    assert refused.err == (
        "cannot import 'home': pool was previously in use from another system.\n"
        "Last accessed by nfs001 (hostid=aab95933) at Sun Nov 22 08:31:39 2026\n"
        "The pool can be imported, use 'zpool import -f' to import the pool.\n"
    )
    assert home_on(second) == ""
    pair.must(second, f"{IMPORT} -f home")
    assert fates(pair) == [WriteFate.SERVED]


def test_the_host_that_used_a_pool_last_imports_it_without_force_after_a_crash() -> None:
    pair, first, second = healthy()
    write_records(pair, 1)
    second.power_off()
    first.power_off()
    pair.clock.wait(first.power_on())
    assert pair.must(first, "zpool list -H") == ""
    become_primary(pair, first)
    pair.clock.advance(15)
    pair.must(first, f"{IMPORT} home")
    assert fates(pair) == [WriteFate.SERVED]


def test_an_import_without_the_mount_leaves_the_directory_of_the_root_file_system() -> None:
    pair, first, _ = healthy()
    pair.must(first, "zpool export home")
    pair.must(first, f"{IMPORT} -N home")
    assert home_on(first) == "" and pair.must(first, "zfs get -H -o value mounted home") == "no\n"
    pair.must(first, "zfs mount home")
    assert first.run("zfs mount home").err == "cannot mount 'home': filesystem already mounted\n"
    assert pair.must(first, "zfs mount").split() == ["home", "/hast/home"]
    pair.must(first, "zfs unmount /hast/home")
    assert pair.must(first, "zpool list -H -o name") == "home\n"


def test_a_pool_is_imported_once() -> None:
    _, first, _ = healthy()
    assert first.run(f"{IMPORT} home").err == (
        "cannot import 'home': a pool with that name is already created/imported,\n"
        "and no additional pools with that name were found\n"
    )


def test_an_import_that_does_not_look_in_the_directory_of_the_device_does_not_find_it() -> None:
    pair, first, _ = healthy()
    pair.must(first, "zpool export home")
    assert first.run("zpool import -d /dev/gpt home").err == "cannot import 'home': no such pool available\n"
    pair.must(first, "zpool import -d /dev/hast/home -a")
    assert home_on(first)


def test_a_local_process_holds_up_an_export_and_force_does_not_ask_it() -> None:
    pair, first, _ = healthy()
    inflict(pair, "busy", "nfs001", "home")
    refused = first.run("zpool export home")
    assert (refused.status, refused.err) == (1, "cannot unmount '/hast/home': pool or dataset is busy\n")
    assert first.run("zfs unmount home").status == 1
    assert home_on(first) and pair.must(first, "zpool list -H -o health home") == "ONLINE\n"
    pair.must(first, "zpool export -f home")
    assert home_on(first) == ""


def test_a_mount_that_fails_leaves_the_pool_imported() -> None:
    pair, first, _ = healthy()
    pair.must(first, "zpool export home")
    inflict(pair, "mount-fails", "nfs001", "home")
    assert first.run(f"{IMPORT} home").status == 1
    assert home_on(first) == "" and pair.must(first, "zpool list -H -o name") == "home\n"


# --- exports -------------------------------------------------------------------------------------------------


def test_a_pool_that_is_imported_again_is_exported_only_by_a_restart_of_mountd() -> None:
    """mountd's memory does not know that the kernel has forgotten (freebsd-facts: remount-is-not-exported)."""
    pair, first, _ = healthy()
    pair.must(first, "zpool export home")
    pair.must(first, f"{IMPORT} home")
    assert "NFS exported" not in home_on(first)
    assert pair.client().write_now("mail").answer is OperationResult.EIO
    pair.must(first, "service mountd restart")
    pair.clock.advance(1)
    assert "NFS exported" in home_on(first)
    assert pair.client().write_now("mail").answer is OperationResult.OK


def test_with_no_pool_mounted_mountd_exports_the_root_file_system() -> None:
    """freebsd-facts: root-is-exported-instead."""
    pair, _, second = healthy()
    assert pair.must(second, "mount").startswith("/dev/gpt/rootfs on / (ufs, NFS exported, ")


def test_the_identity_of_the_file_system_is_the_same_on_both_nodes() -> None:
    pair, first, second = healthy()
    here = mounted_at(parse_mount(pair.must(first, "mount -v")), "/hast/home")
    pair.must(first, "zpool export home")
    pair.must(first, "hastctl role secondary home")
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} home")
    there = mounted_at(parse_mount(pair.must(second, "mount -v")), "/hast/home")
    assert here and there and here.fsid == there.fsid


def test_zpool_loads_the_module_where_the_kernel_does_not_have_it() -> None:
    pair, _, second = healthy()
    assert second.run("kldstat -q -m zfs").status == 1
    second.run("zpool list")
    assert second.run("kldstat -q -m zfs").status == 0
    assert "zfs.ko" in pair.must(second, "kldstat")
