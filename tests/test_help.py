"""What every command says of itself, and how each of them asks, waits and refuses: over all of the registries."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tomllib
from argparse import Namespace
from importlib import import_module
from pathlib import Path

import pytest

from checks import VERSION
from checks.plugin.help_text import fitted
from remediate import command, exits
from remediate.console import Console
from remediate.progress_bar import LINES, ProgressBar
from remediate.subcommands import caller
from remediate.subcommands.registry import SUBCOMMANDS
from remediate.timing import Timing

ROOT = Path(__file__).parents[1]
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
LINES_OF_COMMANDS = [[name] for name in SCRIPTS] + [["hastwatch", name] for name in SUBCOMMANDS]
NEEDS_A_NODE = {
    "status": [], "converge": [], "switchover": [], "take-over": [], "promote": [], "recover": ["home"],
    "verify": ["home"], "extents": ["home"], "repair": ["nfs"], "clear": [], "doctor": [], "ledger": [], "hold": [],
    "clients": [], "self-test": [], "journal": [],
}  # fmt: skip
"""Subcommands that read this machine or act on it, and what they are given."""


def printed(
    words: list[str], option: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """The exit status of a console script in this process, and what it prints."""
    module, _, function = SCRIPTS[words[0]].partition(":")
    monkeypatch.setattr(sys, "argv", [words[0], *words[1:], option])
    try:
        status = getattr(import_module(module), function)()
    except SystemExit as ended:
        status = int(ended.code or 0)
    out = capfd.readouterr().out
    return status or 0, out


@pytest.mark.parametrize("words", LINES_OF_COMMANDS, ids=" ".join)
def test_every_help_fits_the_terminal_and_uses_its_width(
    words: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {}
    for columns in (60, 80, 110):
        monkeypatch.setenv("COLUMNS", str(columns))
        status, texts[columns] = printed(words, "--help", capfd, monkeypatch)
        _, _, rest = texts[columns].partition("\n\n")
        assert status == 0 and rest
        checked = rest if columns == 60 else texts[columns]  # argparse folds no group of options
        assert not [line for line in checked.splitlines() if len(line) > columns and "|" not in line]
    assert not [line for line in texts[80].splitlines() if len(line) > 80]
    assert len(texts[110].splitlines()) < len(texts[60].splitlines())


@pytest.mark.parametrize("words", LINES_OF_COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["-V", "--version"])
def test_every_command_says_its_version(
    words: list[str], option: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(words, option, capfd, monkeypatch) == (0, f"{words[0]} {VERSION}\n")


def test_a_line_of_two_columns_is_folded_below_its_second_column() -> None:
    assert fitted("    nfs   let mountd read its exports again", 30) == (
        "    nfs   let mountd read its\n          exports again"
    )


class _Operator(Console):
    """A console on which somebody types one line."""

    def __init__(self, typed: str) -> None:
        self._asked, self._err = io.StringIO(typed), io.StringIO()

    @property
    def asked(self) -> io.StringIO:
        return self._asked

    @property
    def err(self) -> io.StringIO:
        return self._err


def test_what_asks_for_a_confirmation_asks_for_yes() -> None:
    operator = _Operator("yes\n")
    caller.confirm(operator, Namespace(yes=False), "The copy is destroyed.")
    assert operator.err.getvalue() == "The copy is destroyed.\nType yes to go on: "
    with pytest.raises(caller.NotConfirmed):
        caller.confirm(_Operator("home\n"), Namespace(yes=False), "The copy is destroyed.")


def test_only_one_place_asks_for_a_confirmation() -> None:
    asking = [path.name for path in (ROOT / "remediate").rglob("*.py") if "Type {" in path.read_text()]
    assert asking == ["caller.py"]


def test_what_needs_a_node_is_known_for_every_subcommand_that_acts_in_a_context() -> None:
    """A subcommand that is new has to be sorted in."""
    through = {name for name, (module, _) in SUBCOMMANDS.items()
               if "caller.run(" in Path(str(import_module(module).__file__)).read_text()}  # fmt: skip
    assert through <= set(NEEDS_A_NODE)


@pytest.mark.skipif(sys.platform.startswith("freebsd"), reason="this machine may be a node")
@pytest.mark.parametrize("name", NEEDS_A_NODE)
def test_on_another_system_what_needs_a_node_says_so_in_one_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = command.called([name, *NEEDS_A_NODE[name]])
    captured = capsys.readouterr()
    assert (status, captured.out) == (3 if name in ("status", "doctor") else exits.UNAVAILABLE, "")
    assert captured.err.startswith(f"hastwatch {name}: this machine runs no FreeBSD")
    assert captured.err.count("\n") == 1
    assert "--via" in captured.err and "hastwatch pair" in captured.err


class _Clock(Timing):
    """A clock that is set."""

    time = 0.0

    def now(self) -> float:
        return self.time


def test_progress_that_is_piped_is_a_line_every_few_seconds() -> None:
    clock, stream = _Clock(), io.StringIO()
    bar = ProgressBar(stream, clock)
    for second in range(60):
        clock.time = float(second)
        bar.show(second, 60, f"{second} of 60")
    assert stream.getvalue().splitlines() == [f"{second} of 60" for second in range(int(LINES), 60, int(LINES))]
    assert 2 <= LINES <= 10


def test_the_console_scripts_themselves_take_the_width_of_the_terminal() -> None:
    words = [sys.executable, "-m", "remediate.command", "recover", "--help"]
    ended = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "COLUMNS": "50"}, capture_output=True, text=True, check=True
    )
    assert max(map(len, ended.stdout.partition("\n\n")[2].splitlines())) <= 50
