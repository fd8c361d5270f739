"""A file system on layers of GEOM on the HAST device: mounted, checked and unmounted through them, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.plugin.config import CheckConfig, ResourceConfig
from remediate.config import RemediationConfig
from remediate.failover.converge import ConvergeResult
from remediate.failover.errors import StepFailed
from remediate.policy import Failover
from simulator.layout import KEY_FILE, ResourceLayout
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

FOUND = ("journal", "p1", "s1a", "label/mail")
"""Layers that appear by themselves, so that what is mounted can be found."""


def layered(state: Path, layer: str, settings: ResourceConfig | None = None, **policy: object) -> InstalledPair:
    """A pair whose file system lies on a layer; `settings` are those of [resource.home]."""
    resource = {"home": settings} if settings else {}
    config = RemediationConfig(CheckConfig(resource=resource), failover=Failover()._replace(**policy))  # type: ignore[arg-type]
    return installed_pair(state, config, resources=(ResourceLayout(layer=layer),))


def device(layer: str) -> str:
    return ResourceLayout(layer=layer).filesystem_device


def encrypted(state: Path) -> InstalledPair:
    return layered(state, "eli", ResourceConfig(device=device("eli"), geli_key=KEY_FILE))


def switched(pair: InstalledPair) -> None:
    begun = pair.moves()
    pair.pair.clock.wait(begun)
    if begun.error is not None:
        raise begun.error


def mounted(node: Node) -> str:
    """What is mounted at the mount point, from which device."""
    there = node.filesystems.mounts.get("/hast/home")
    return there.source if there is not None else ""


def serves_from(pair: InstalledPair, node: Node, wanted: str) -> None:
    assert pair.until(lambda: pair.serves(node)), pair.story()
    if wanted.startswith("/dev/label/"):  # a label is what it lies on: either is mounted
        assert mounted(node) in (wanted, "/dev/hast/home")
    else:
        assert mounted(node) == wanted


@pytest.mark.parametrize("layer", FOUND)
def test_what_lies_on_the_device_is_found_after_a_power_cut(layer: str, state: Path) -> None:
    pair = layered(state, layer)
    pair.active.power_off()
    serves_from(pair, pair.standby, device(layer))
    assert not pair.entries(pair.standby, "promotion-failed")


@pytest.mark.parametrize("layer", FOUND)
def test_what_is_configured_is_waited_for_and_mounted(layer: str, state: Path) -> None:
    pair = layered(state, layer, ResourceConfig(device=device(layer)))
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    assert mounted(pair.standby) == device(layer)


@pytest.mark.parametrize("layer", FOUND)
def test_a_switchover_unmounts_it_here_and_mounts_it_there_without_a_loss(layer: str, state: Path) -> None:
    pair = layered(state, layer)
    switched(pair)
    serves_from(pair, pair.standby, device(layer))
    assert not mounted(pair.active) and not pair.active.files.exists(device(layer))


@pytest.mark.quick
def test_an_encrypted_one_is_opened_with_its_key_file_and_closed_again(state: Path) -> None:
    pair = encrypted(state)
    switched(pair)
    serves_from(pair, pair.standby, "/dev/hast/home.eli")
    there = [entry.step for entry in pair.entries(pair.standby, "step")]
    here = [entry.step for entry in pair.entries(pair.active, "step")]
    assert there.index("become-primary home") < there.index("attach home") < there.index("check home")
    assert here.index("unmount home") < here.index("detach home") < here.index("become-secondary home")
    assert not pair.active.files.exists("/dev/hast/home.eli")


def test_an_encrypted_one_is_opened_after_a_power_cut(state: Path) -> None:
    pair = encrypted(state)
    pair.active.power_off()
    serves_from(pair, pair.standby, "/dev/hast/home.eli")


def test_nothing_is_given_up_for_a_node_that_could_not_open_it(state: Path) -> None:
    pair = encrypted(state)
    pair.standby.files.remove(KEY_FILE)
    with pytest.raises(StepFailed, match=f"the key file {KEY_FILE} is not there"):
        switched(pair)
    assert pair.serves(pair.active) and mounted(pair.active) == "/dev/hast/home.eli"
    assert not [entry for entry in pair.entries(pair.active, "step") if entry.step.startswith(("unmount", "stop"))]


def test_without_a_configured_key_nothing_is_given_up_either(state: Path) -> None:
    pair = layered(state, "eli")
    with pytest.raises(StepFailed, match="is encrypted"):
        switched(pair)
    assert pair.serves(pair.active)


def test_a_standby_that_could_not_open_it_says_so_and_takes_no_role(state: Path) -> None:
    pair = encrypted(state)
    pair.standby.files.remove(KEY_FILE)
    pair.active.power_off()
    assert pair.until(lambda: bool(pair.entries(pair.standby, "refused"))), pair.story()
    assert "encrypted, and cannot be opened here" in pair.entries(pair.standby, "refused")[0].result
    assert pair.role(pair.standby) == "secondary"


def test_a_wrong_key_is_a_failed_promotion_that_leaves_nothing_behind(state: Path) -> None:
    pair = layered(state, "eli", ResourceConfig(device=device("eli"), geli_key=KEY_FILE), window=0.0)
    pair.standby.files.place(KEY_FILE, pair.standby.files.find(KEY_FILE).__class__("another", "r--------"))
    pair.active.power_off()
    assert pair.until(lambda: bool(pair.entries(pair.standby, "promotion-failed"))), pair.story()
    assert "attach home: /dev/hast/home cannot be opened" in pair.entries(pair.standby, "promotion-failed")[0].result
    assert pair.until(lambda: pair.role(pair.standby) == "secondary")


@pytest.mark.parametrize("layer", ["journal", "eli", "label/mail"])
def test_an_orderly_shutdown_leaves_no_layer_mounted(layer: str, state: Path) -> None:
    pair = encrypted(state) if layer == "eli" else layered(state, layer)
    pair.standby.power_off()
    gone = pair.active.shut_down()
    pair.pair.clock.wait(gone)
    block = pair.active.disks["/dev/vtbd1"].superblock
    assert block is not None and getattr(block, "clean", False), pair.story()


@pytest.mark.parametrize("layer", FOUND)
def test_the_device_that_goes_away_takes_the_layer_and_the_mount_with_it(layer: str, state: Path) -> None:
    pair = layered(state, layer)
    assert pair.active.run("hastctl role secondary home").status == 0
    assert not mounted(pair.active) and not pair.active.files.exists(device(layer))


def test_a_convergence_of_an_active_node_changes_nothing(state: Path) -> None:
    pair = layered(state, "journal")
    assert pair.converges(pair.active).result is ConvergeResult.IN_PLACE
    assert not pair.entries(pair.active, "step")
