"""The demonstration of the README runs, and is readable where it is not on a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parent / "demo.py"


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DEMO, *arguments],
        env={"COLUMNS": "100", "TERM": "xterm"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demonstration_shows_a_healthy_pair_as_ok() -> None:
    shown = demo("made-healthy-pair")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "OK  check_hast             nfs001  home on nfs001: primary, complete, fullsync" in shown.stdout
    assert "CRITICAL" not in shown.stdout


def test_a_demonstration_in_a_pipe_is_plain_text_within_the_width() -> None:
    shown = demo("split-brain").stdout
    assert "CRITICAL  check_hast_splitbrain  both" in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_an_unknown_state_is_refused_with_those_there_are() -> None:
    shown = demo("nosuch")
    assert shown.returncode == 2
    assert "no state nosuch; there are: " in shown.stderr
    assert "split-brain" in shown.stderr
