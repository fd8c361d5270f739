"""`hastwatch explain`: the rows of a reason and its runbook, from the sources and from an installed wheel."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from checks.registry import REGISTRY
from remediate.subcommands import explain

ROOT = Path(__file__).resolve().parents[2]


def test_a_reason_is_explained_with_its_row_and_its_runbook(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main(["hast-degraded"]) == 0
    row, _, runbook = capsys.readouterr().out.partition("\n\n")
    assert row.startswith("hast-degraded (check_hast): CRITICAL\n  when:  primary, degraded\n  means: no second copy")
    assert "\n  -> " in row and "{" not in row
    assert runbook.startswith("## What you see") and "## How to see that it helped" in runbook


def test_a_reason_of_every_check_is_explained_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main(["check-timeout"]) == 0
    assert capsys.readouterr().out.count("check-timeout (every check)") == 1


def test_without_a_reason_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([]) == 0
    out = capsys.readouterr().out
    listed = {line.split()[0] for line in out.splitlines() if line.startswith("  ")}
    assert listed == {row.reason for each in REGISTRY for row in each.load().table}


@pytest.mark.parametrize(("reason", "near"), [("hast-degrade", "hast-degraded"), ("\x1b[2J/../x", "")])
def test_an_unknown_reason_is_refused_in_one_line(reason: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([reason]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:-1].isprintable()) == ("", 1, True) and near in err


def test_an_installed_command_finds_the_runbooks_below_its_prefix(tmp_path: Path) -> None:
    """The packages without the documents beside them, and these where pyproject.toml puts them."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    installed = tmp_path / explain.INSTALLED
    installed.mkdir(parents=True)
    for pattern in patterns[explain.INSTALLED]:
        for path in ROOT.glob(pattern):
            shutil.copy(path, installed)
    for package in ("checks", "remediate", "simulator"):
        (tmp_path / package).symlink_to(ROOT / package)
    code = (
        "import sys, sysconfig; from pathlib import Path; from remediate.subcommands import explain\n"
        "explain.__file__ = sys.argv[1] + '/remediate/subcommands/explain.py'\n"
        "Path.resolve = Path.absolute; sysconfig.get_path = lambda *name: sys.argv[1]\n"
        "sys.exit(explain.main(['hast-degraded']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "## What to do" in done.stdout
