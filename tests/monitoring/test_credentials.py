"""Credentials come from a file of one's own that nobody else can read, and are never said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks.plugin.config import ConfigError
from remediate.monitoring import credentials

GOOD = 'user = "u"\npassword = "secret word"\ntoken = "secret token"\n'


def write(tmp_path: Path, text: str = GOOD, mode: int = 0o600) -> str:
    path = tmp_path / "credentials"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_what_the_file_says_is_read(tmp_path: Path) -> None:
    assert tuple(credentials.read(write(tmp_path))) == ("u", "secret word", "secret token")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="others than its owner may use it"):
        credentials.read(write(tmp_path, mode=mode))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    os.chown(path, 65534, -1)
    with pytest.raises(ConfigError, match="belongs to user 65534"):
        credentials.read(path)


def test_a_link_a_directory_a_pipe_and_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(tmp_path))
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", ".", "pipe", "absent"):
        with pytest.raises(ConfigError):
            credentials.read(str(tmp_path / name))


@pytest.mark.parametrize(
    "text",
    ['password = "secret word', "password = 5", 'pasword = "secret word"', 'user = ""', "\x00", 'token = "a\\nb"'],
)
def test_a_mistake_is_refused_without_telling_what_stands_there(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        credentials.read(write(tmp_path, text))
    assert "secret" not in str(refused.value)


def test_credentials_do_not_show_themselves(tmp_path: Path) -> None:
    user = credentials.read(write(tmp_path))
    assert "secret" not in f"{user} {user!r}"
