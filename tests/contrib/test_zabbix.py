"""The lines for Zabbix's agents, and those for Monit, read by the real programs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from remediate.contrib.definitions import definitions
from remediate.contrib.placement import Placement
from remediate.contrib.zabbix import key
from remediate.subcommands.contrib import text
from tests.state.child import ROOT

AGENTS = ("zabbix_agentd", "zabbix_agent2")
ANSWER = '#!/bin/sh\nif [ "$1" != --json ]; then exit 3; fi\necho \'{"check": "%s", "exit_status": 2}\'\nexit 2\n'
"""Of each check: it is CRITICAL."""
CHECKS = [each.name for each in definitions() if each.on_node]


def installed(agent: str) -> str:
    """Its path; Debian's agents are in /usr/sbin."""
    return shutil.which(agent, path="/usr/sbin:/usr/bin:/usr/local/sbin") or ""


@pytest.mark.slow
@pytest.mark.parametrize("agent", [pytest.param(each, marks=pytest.mark.skipif(not installed(each), reason=each))
                                   for each in AGENTS])  # fmt: skip
def test_an_agent_answers_for_each_check_also_where_it_is_critical(agent: str, tmp_path: Path) -> None:
    for check in CHECKS:
        program = tmp_path / check
        program.write_text(ANSWER % check)
        program.chmod(0o755)
    (tmp_path / "hastwatch.conf").write_text(text("zabbix", Placement(str(tmp_path), "zabbix")))
    main = tmp_path / "agent.conf"
    main.write_text(f"Server=127.0.0.1\nHostname=nfs001\nTimeout=30\nLogFile={tmp_path}/log\n"
                    f"Include={tmp_path}/hastwatch.conf\n")  # fmt: skip
    for check in CHECKS:
        words = [installed(agent), "-c", str(main), "-t", key(check)]
        said = subprocess.run(words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL).stdout
        answer = re.search(r"\[[ts]\|(.*)\]", said, re.DOTALL)
        assert answer, said
        assert json.loads(answer[1]) == {"check": check, "exit_status": 2}


@pytest.mark.skipif(not installed("monit"), reason="no monit")
def test_monit_reads_what_the_page_gives(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "other-engines.md").read_text()
    lines = re.findall(r"^    (check program.*|    if .*)$", page, re.MULTILINE)
    program = tmp_path / "check_carp_hast"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    control = tmp_path / "monitrc"
    control.write_text("\n".join(lines).replace("/usr/local/hastwatch/bin", str(tmp_path)) + "\n")
    control.chmod(0o600)
    done = subprocess.run([installed("monit"), "-t", "-c", control], capture_output=True, text=True, timeout=60)
    assert len(lines) == 3 and done.returncode == 0, done.stdout + done.stderr
