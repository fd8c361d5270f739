"""A ZFS pool that is not named like the resource, or lies on several."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.plugin.config import CheckConfig, ConfigError, ResourceConfig
from remediate.config import RemediationConfig, load
from remediate.failover.facts import Peer, Remarks, ResourceState, Split
from remediate.failover.observe import together
from remediate.failover.resource import ResourcePlace, places
from simulator.layout import ResourceLayout
from tests.failover.installed_pair import InstalledPair, installed_pair
from tests.failover.test_plan import RESOURCES

pytestmark = pytest.mark.slow


def pool_pair(state: Path, *, configured: bool) -> InstalledPair:
    """A pair whose resource `home` holds a pool `tank`."""
    config = (
        RemediationConfig(CheckConfig(resource={"home": ResourceConfig(pool="tank")}))
        if configured
        else RemediationConfig()
    )
    return installed_pair(state, config, resources=(ResourceLayout(kind="zfs", pool="tank"),))


@pytest.mark.parametrize("configured", [True, False])
def test_a_pool_of_another_name_is_imported_after_a_power_cut(configured: bool, state: Path) -> None:
    pair = pool_pair(state, configured=configured)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    assert list(pair.standby.filesystems.pools) == ["tank"]
    assert not pair.entries(pair.standby, "promotion-failed")


@pytest.mark.parametrize("configured", [True, False])
def test_a_pool_of_another_name_is_exported_here_and_imported_there(configured: bool, state: Path) -> None:
    pair = pool_pair(state, configured=configured)
    pair.pair.clock.wait(pair.moves())
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    assert not pair.active.filesystems.pools
    assert list(pair.standby.filesystems.pools) == ["tank"]


def place(name: str) -> ResourcePlace:
    devices = ("/dev/hast/a", "/dev/hast/b")
    place = ResourcePlace(name, f"/dev/hast/{name}", "/tank", "", "", "", (), configured_pool="tank")
    return place._replace(pooled=("a", "b"), pooled_devices=devices)


def seen(**changes: object) -> ResourceState:
    sound = next(state for state in RESOURCES if state.split is Split.NONE and not state.stale and not state.unheard)
    return sound._replace(peer=Peer.LET_GO, connected=True, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"stale": True}, {"unheard": True}, {"split": Split.LOSING}])
def test_what_forbids_to_promote_one_resource_of_a_pool_forbids_the_other(change: dict[str, object]) -> None:
    states, remarks = together(
        {"a": place("a"), "b": place("b")},
        {"a": seen(), "b": seen(**change)},
        {"a": Remarks(), "b": Remarks(stale="it is old", unheard="it is old", split="it is old")},
    )
    for name in ("a", "b"):
        assert all(getattr(states[name], key) == value for key, value in change.items())
        assert "b: it is old" in remarks[name].stale


@pytest.mark.quick
def test_resources_of_their_own_are_left_as_they_are() -> None:
    alone = {"a": place("a")._replace(pooled=()), "b": place("b")._replace(pooled=())}
    states = {"a": seen(), "b": seen(stale=True)}
    assert together(alone, states, {"a": Remarks(), "b": Remarks()})[0] == states


def test_the_resources_of_one_pool_are_known_by_the_configuration(state: Path) -> None:
    tank = ResourceConfig(pool="tank", mount_point="/tank")
    layouts = tuple(ResourceLayout(name, f"/dev/vtbd{number}") for number, name in enumerate("abc", 1))
    pair = installed_pair(state, RemediationConfig(CheckConfig(resource={"a": tank, "b": tank})), resources=layouts)
    result = pair.does(pair.active, lambda context: places(context.here.node(), context.config))
    assert result["a"].pooled == result["b"].pooled == ("a", "b") and result["c"].pooled == ()
    assert result["b"].pooled_devices == ("/dev/hast/a", "/dev/hast/b")


@pytest.mark.parametrize(
    "text",
    [
        '[resource.a]\npool = "tank"\nmount_point = "/x"\n[resource.b]\npool = "tank"\nmount_point = "/y"\n',
        '[resource.a]\npool = "tank"\ndevice = "/dev/hast/ap1"\n',
        '[resource.a]\ndevice = "/dev/ada1p1"\n',
        '[resource.a]\ndevice = "hast/a"\n',
        '[resource.a]\ndevice = "/dev/../etc/passwd"\n',
        '[resource.a]\npool = "-f"\n',
        '[resource.a]\ngeli_key = "/etc/key"\n',
        '[resource.a]\ndevice = "/dev/hast/a.eli"\ngeli_key = "key"\n',
    ],
)
def test_what_cannot_be_a_device_a_pool_or_a_key_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "hastwatch.toml").write_text(text)
    (tmp_path / "hastwatch.toml").chmod(0o600)
    with pytest.raises(ConfigError):
        load(str(tmp_path / "hastwatch.toml"))
