"""`hastwatch verify`: what it prints, its exit status, signals; and the whole way over real pipes and real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from remediate import exits
from remediate.console import SIGNALS
from remediate.context import Context
from remediate.session import PipeChannel, SessionEnded
from remediate.state.store import Store
from remediate.subcommands import verify as command
from remediate.timing import Timing
from remediate.verification.answering import _answers
from remediate.verification.asking import RemoteCopySession
from remediate.verification.comparing import ComparisonResult, ExtentComparison
from remediate.verification.extents import CopyLocation, LocalExtents
from simulator.account.accounting import disk_of
from tests.failover.installed_pair import InstalledPair
from tests.state.child import ROOT
from tests.verification.test_verify import HOME, flip


def no_signal() -> str:
    """Nobody stops it."""
    return ""


def one(pair: InstalledPair, signals: Callable[[], str] = no_signal, *words: str) -> tuple[int, dict[str, object]]:
    """The exit status for a resource, and what is said of it."""
    options = command.parser().parse_args([*words])
    return pair.does(pair.active, lambda context: command._one(context, HOME, options, signals))


@pytest.mark.slow
def test_the_exit_status_tells_what_came_out(pair: InstalledPair) -> None:
    assert one(pair)[0] == 0
    status, output = one(pair, lambda: "interrupted by SIGTERM")
    assert status == exits.BUSY and "run again it goes on" in str(output["says"])
    flip(disk_of(pair.standby, HOME), 5)
    status, output = one(pair)
    assert status == command.DIFFER and output["numbers"] == [5] and json.dumps(output)
    pair.breaks("cut-replication")
    pair.passes(60)
    status, output = one(pair)
    assert status == 1 and "not connected" in str(output["says"])


def test_how_far_it_is_is_shown_in_lines_where_no_terminal_is(
    pair: InstalledPair, capsys: pytest.CaptureFixture[str]
) -> None:
    one(pair, no_signal, "--rate", "4M")
    lines = capsys.readouterr().err.splitlines()
    assert 10 <= len(lines) <= 13 and " MiB of 256 MiB, 4 MiB/s, " in lines[1] and lines[1].endswith(" left")
    one(pair, no_signal, "--quiet")
    assert not capsys.readouterr().err


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_heeded_and_the_second_ends_it(number: signal.Signals) -> None:
    script = (
        "import os, sys\nfrom remediate.console import Signals\nsignals = Signals()\n"
        f"assert not signals()\nos.kill(os.getpid(), {int(number)})\nprint(signals(), flush=True)\n"
        f"os.kill(os.getpid(), {int(number)})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == f"interrupted by {number.name}\n" and done.returncode in (-number, 1)


@pytest.mark.parametrize(
    "words",
    [["home", "--to", "/x"], ["home", "--dry-run"], ["--repair"], ["home", "mail", "--repair"], ["--rate", "1K"],
     ["--rate", "fast"]],
)  # fmt: skip
def test_what_makes_no_sense_together_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(words)
    assert ended.value.code == exits.USAGE and capsys.readouterr().err.count("\n") == 1


def test_two_real_files_are_compared_over_two_real_pipes(tmp_path: Path) -> None:
    """Both ends as they are, but for hastd: 8 MiB of which two bytes are not the same."""
    content = bytearray(os.urandom(8 << 20))
    (tmp_path / "here").write_bytes(b"m" * 4608 + content)
    content[3 << 20] ^= 1
    content[-1] ^= 1
    (tmp_path / "there").write_bytes(b"x" * 5120 + content)
    here = CopyLocation(str(tmp_path / "here"), 4608, 8 << 20, 128 << 10)
    there = CopyLocation(str(tmp_path / "there"), 5120, 8 << 20, 128 << 10)
    (reads, to_here), (reads_there, to_there) = os.pipe(), os.pipe()
    line, other = PipeChannel(reads, to_there), PipeChannel(reads_there, to_here)
    context = SimpleNamespace(timing=Timing(), store=Store(str(tmp_path / "state")))

    def answers() -> None:
        with LocalExtents(there) as opened, suppress(SessionEnded):
            _answers(cast("Context", context), HOME, other, opened, there.extents)

    answering = threading.Thread(target=answers, daemon=True)
    answering.start()
    asking = RemoteCopySession.__new__(RemoteCopySession)
    asking._context, asking._name, asking._stopped, asking._line = cast("Context", context), HOME, lambda: "", line
    with LocalExtents(here) as opened:
        comparison = ExtentComparison(opened, asking, lambda: True, Timing())
        assert comparison.compare(range(here.extents)) == ComparisonResult(differ=(24, 63))
    asking.close()
    answering.join(30)
    assert not answering.is_alive()


def test_a_rate_is_in_powers_of_1024() -> None:
    parse = command.parser().parse_args
    assert parse(["--rate", "20M"]).rate == 20 << 20 and parse([]).rate is None
