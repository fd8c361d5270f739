"""The configuration file: every mistake in it is one line that says where, and nothing runs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.plugin.config import NOT_FOR_CHECKS, CheckConfig, ConfigError, ResourceConfig, load
from remediate import config

FULL = """
via = "sudo -n hastwatch-ask"
peer = "ssh nfs002"
timeout = 5
state_dir = "/var/db/hastwatch/checks"
[severity]
carp-demoted = "ok"
[resource.home]
vhid = "2@vtnet1"
mount_point = "/data/home"
service_address = "10.1.101.5"
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "hastwatch.toml"
    path.write_text(text)
    return str(path)


def test_all_keys_are_read(tmp_path: Path) -> None:
    assert load(write(tmp_path, FULL)) == CheckConfig(
        via="sudo -n hastwatch-ask",
        peer="ssh nfs002",
        timeout=5.0,
        state_dir="/var/db/hastwatch/checks",
        severity={"carp-demoted": "ok"},
        resource={"home": ResourceConfig("2@vtnet1", "/data/home", "10.1.101.5")},
    )


def test_a_resource_without_settings_has_the_documented_mount_point() -> None:
    assert CheckConfig().for_resource("home").mount_point == "/hast/home"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("via = ", "Invalid value"),
        ("viaa = 'x'", "unknown key `viaa`"),
        ("via = 3", "`via` must be text"),
        ("timeout = true", "`timeout` must be a number"),
        ("timeout = 0", "above 0"),
        ("timeout = inf", "at most 3600"),
        ("severity = 'x'", "`severity` must be a table"),
        ("[severity]\nx = 'bad'", "`severity.x` must be"),
        ("[severity]\nx = ['ok']", "`severity.x` must be text"),
        ("resource = 1", "`resource` must be a table"),
        ("[resource]\nhome = 1", "`home` must be a table"),
        ("[resource.home]\nvhit = 'x'", "unknown key `resource.home.vhit`"),
        ("[resource.home]\nvhid = 2", "`resource.home.vhid` must be text"),
        ('via = "x\\u0000y"', "without control characters"),
        ("[resource.home]\nmount_point = 'hast/home'", "must be an absolute path"),
        ("[resource.home]\nmount_point = '/hast/../etc'", "must be an absolute path"),
        ("ask_write = 1", "`ask_write` must be true or false"),
        ("docs = 'docs.example.org'", "`docs` must be a URL that begins with https:// or http://"),
        ("docs = 'https://x.org/a b'", "`docs` must be a URL"),
        ("failover = 1", "`failover` must be a table"),
        ("nrdp = 'x'", "`nrdp` must be a table"),
        ("hastd_repaired = true", "unknown key `hastd_repaired`"),
        ("[failover]\nhastd_repaired = 1", "`failover.hastd_repaired` must be true or false"),
        ("a = " + "[" * 5000, ""),
        ("\x00", ""),
    ],
)
def test_a_mistake_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path, text))
    assert says in str(refused.value)
    with pytest.raises(ConfigError) as refused:
        config.load(write(tmp_path, text))
    assert says in str(refused.value)


def test_checks_and_remediation_know_the_same_tables() -> None:
    others = set(config.RemediationConfig._fields) - {"checks", "submission"} | set(config.SUBMISSION)
    assert others == set(NOT_FOR_CHECKS)


def test_checks_read_one_key_of_the_tables_of_remediation(tmp_path: Path) -> None:
    path = write(tmp_path, "[failover]\nhastd_repaired = true\n[submit]\nto = 'icinga'\n")
    assert load(path) == config.load(path).checks == CheckConfig(hastd_repaired=True)


@pytest.mark.parametrize("read", [load, config.load], ids=["checks", "remediation"])
@pytest.mark.parametrize(("text", "says"), [
    ("[failover]\nsettel = 1", r"unknown key `failover\.settel`"),
    ("[failover]\ndemotion = 500", r"`failover\.demotion` must be"),
    ("[submit]\nto = 'carrier-pigeon'", r"`submit\.to` must be"),
])  # fmt: skip
def test_a_mistake_in_a_table_of_remediation_is_refused_by_all(
    tmp_path: Path, read: Callable[[str | None], object], text: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=rf"hastwatch\.toml: {says}"):
        read(write(tmp_path, text))


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, FULL)
    Path(path).chmod(0o666)
    with pytest.raises(ConfigError, match="everybody may write it"):
        load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away, and is refused one that it was given")
@pytest.mark.parametrize(("owner", "group", "mode", "says"), [
    (65534, 0, 0o644, "belongs to user 65534"), (0, 65534, 0o664, "group 65534 may write it"),
])  # fmt: skip
def test_root_takes_no_file_that_somebody_else_may_write(
    tmp_path: Path, owner: int, group: int, mode: int, says: str
) -> None:
    path = write(tmp_path, FULL)
    os.chown(path, owner, group)
    Path(path).chmod(mode)
    with pytest.raises(ConfigError, match=says):
        load(path)


def test_a_named_file_must_be_there_and_the_default_one_need_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigError, match="empty"):
        load("")  # `--config "$UNSET"` is not the default one
    assert load(None) == CheckConfig() or Path("/usr/local/etc/hastwatch.toml").exists()


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(str(tmp_path))


def test_a_pipe_that_nobody_writes_to_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        load(str(tmp_path / "pipe"))


def test_a_mount_point_may_end_in_a_slash(tmp_path: Path) -> None:
    config = load(write(tmp_path, "[resource.home]\nmount_point = '/data/home/'"))
    assert config.for_resource("home").mount_point == "/data/home"
