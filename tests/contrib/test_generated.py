"""What is generated for `contrib/` is what stands there."""

import os
import subprocess
from pathlib import Path

import pytest

from remediate.contrib.definitions import definitions
from remediate.contrib.placement import Placement
from remediate.exits import USAGE
from remediate.subcommands.contrib import GENERATED, main, text
from tests.subcommands.running_pair import COMMAND
from tests.test_architecture import ROOT

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"


@pytest.mark.parametrize("what", GENERATED)
def test_the_file_in_contrib_is_what_is_printed(what: str) -> None:
    file, _ = GENERATED[what]
    assert (CONTRIB / file).read_text() == text(what)


@pytest.mark.parametrize("what", GENERATED)
def test_another_directory_is_named_instead_of_the_readmes(what: str) -> None:
    elsewhere = text(what, Placement(directory="/opt/elsewhere"))
    assert "/opt/elsewhere" in elsewhere
    assert "/usr/local/hastwatch/bin" not in elsewhere


@pytest.mark.parametrize(("what", "user"), [("nrpe", ":monitors"), ("sudoers", ":monitors"), ("doas", "%monitors"),
                                            ("doas", ""), ("doas", ":"), ("doas", "a b"), ("doas", "::a")])  # fmt: skip
def test_whom_no_file_can_be_for_is_refused_in_one_line(
    what: str, user: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([what, "--user", user])
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (USAGE, "", 1)
    assert "argument --user: " in said.err


@pytest.mark.slow
@pytest.mark.parametrize("what", GENERATED)
def test_a_full_disk_is_one_line_and_no_success(what: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "contrib", what], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    message = "hastwatch: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (74, message)


@pytest.mark.parametrize("what", ["sudoers", "director"])
def test_a_reader_that_is_gone_is_no_success(what: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "w") as closed:
        done = subprocess.run([*COMMAND, "contrib", what], cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (74, "")


def test_an_engine_is_offered_every_option_that_is_not_for_a_terminal() -> None:
    offered = {each.name: [option.flag for option in each.options] for each in definitions()}
    common = ["--resource", "--via", "--peer", "--severity", "--timeout", "--state-dir", "--config"]
    assert offered["check_carp"] == [*common, "--expect", "--preferred"]
    assert offered["check_hast_splitbrain"] == common


def test_an_option_is_described_as_the_check_has_it() -> None:
    options = {option.name: option for each in definitions() if not each.on_node for option in each.options}
    assert (options["export"].takes_value, options["export"].repeatable) == (True, True)
    assert (options["portmap_port"].takes_value, options["portmap_port"].repeatable) == (True, False)
    assert (options["no_udp"].takes_value, options["no_udp"].repeatable) == (False, False)
    assert options["portmap_port"].about == "The port of the portmapper (default: 111)"
