"""The one place that starts processes, tried on real ones: deadlines, floods, grandchildren, the unkillable."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checks.probes.errors import Hangs, NotPermitted, NotUnderstood, ToolMissing
from checks.probes.process import CompletedCommand, run
from tests.waiting import awaited

SOON = 30.0
"""Seconds that end what hangs by mistake; no test waits for it."""


def python(code: str, seconds: float = SOON, limit: int = 1 << 20) -> CompletedCommand:
    return run((sys.executable, "-I", "-S", "-c", code), time.monotonic() + seconds, limit)


def test_output_error_output_and_exit_status_are_kept_apart() -> None:
    completed = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    assert (completed.stdout, completed.stderr, completed.status) == ("out\n", "err\n", 7)
    assert completed.words == "err"


def test_the_environment_is_clean() -> None:
    os.environ["HASTWATCH_LEAK"] = "1"
    shown = python("import os; print(sorted(os.environ))").stdout
    assert "HASTWATCH_LEAK" not in shown
    assert "LC_ALL" in shown and "PATH" in shown


def test_standard_input_is_empty() -> None:
    assert python("import sys; print(repr(sys.stdin.read()))").stdout == "''\n"


def test_no_shell_looks_at_the_words() -> None:
    completed = run(
        (sys.executable, "-I", "-c", "import sys; print(sys.argv[1])", "$(id); `id` * |"), time.monotonic() + SOON
    )
    assert completed.stdout == "$(id); `id` * |\n"


def test_a_command_that_does_not_end_is_killed_at_the_deadline() -> None:
    started = time.monotonic()
    with pytest.raises(Hangs, match="timed out after"):
        python("import time; time.sleep(60)", seconds=0.3)
    assert time.monotonic() - started < SOON / 2


@pytest.mark.slow
def test_the_whole_group_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(60)']);"
        f"open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(Hangs):
        python(code, seconds=2)
    assert _ends(int(note.read_text()))


def test_a_grandchild_that_keeps_the_output_open_delays_nothing() -> None:
    code = (
        "import subprocess, sys;"
        "subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(5)'], start_new_session=True);"
        "print('done')"
    )
    started = time.monotonic()
    assert python(code).stdout == "done\n"
    assert time.monotonic() - started < 4


def test_a_command_that_closes_its_output_is_still_awaited() -> None:
    assert python("import os, time; os.close(1); os.close(2); time.sleep(0.2); os._exit(5)").status == 5


def test_a_flood_of_output_is_cut_off() -> None:
    with pytest.raises(NotUnderstood, match="more than 1000 bytes"):
        python("while True: print('x' * 1000)", limit=1000)


def test_output_that_is_no_utf_8_is_escaped() -> None:
    assert python(r"import sys; sys.stdout.buffer.write(b'\xff|')").stdout == "\\xff|"


def test_a_program_that_is_not_there_is_missing() -> None:
    with pytest.raises(ToolMissing, match="/nonexistent: not found"):
        run(("/nonexistent",), time.monotonic() + SOON)


def test_a_file_that_is_no_program_is_not_permitted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(NotPermitted):
        run((str(path),), time.monotonic() + SOON)


UNKILLABLE = """
import sys, time
sys.path.insert(0, sys.argv[1])
from checks.probes.errors import ProbeError
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.state_cache import Memory
from checks.probes.node import Deadline, Node
import checks.probes.node as node
node.TOOLS["nap"] = sys.argv[3]
for _ in range(2):
    try:
        given_up = GivenUpCommands(Memory(sys.argv[2]))
        Node((), Deadline(1), given_up).run("nap", "--reuid", "1", "--clear-groups", "sleep", "60")
    except ProbeError as error:
        print(error.reason, "-", error, flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv(1)")
def test_a_command_that_cannot_be_killed_is_given_up_and_not_started_again(tmp_path: Path) -> None:
    """Without CAP_KILL even root cannot kill another user's process: as unkillable as one in a disk wait."""
    setpriv = str(shutil.which("setpriv"))
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    arguments = [root, str(tmp_path / "state"), setpriv]
    output = subprocess.run(
        [setpriv, "--bounding-set", "-kill", "--inh-caps", "-kill", sys.executable, "-c", UNKILLABLE, *arguments],
        capture_output=True, text=True, timeout=SOON, check=True,
    ).stdout.splitlines()  # fmt: skip
    pid = int(re.findall(r"as process (\d+)", output[1])[0])
    try:
        assert output[0].startswith("command-hangs - ") and "cannot be killed" in output[0]
        assert output[1].startswith("command-still-hangs - ") and "not started again" in output[1]
        assert len(output) == 2
    finally:
        os.kill(pid, signal.SIGKILL)


def _ends(pid: int) -> bool:
    """Whether a killed process goes away; its new parent may take a moment to bury it."""

    def gone() -> bool:
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().split()[2] == "Z"
        except FileNotFoundError:
            return True

    return awaited(gone, 2)
