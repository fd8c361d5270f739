"""Programs as the monitoring user starts them: without root, and with sudo(8) for exactly what a file of rules says.

The rules are those of a mount namespace of its own: this machine's /etc/sudoers.d stays as it is. One thing is added,
that the user may read what only root may (CAP_DAC_OVERRIDE): the interpreter and the checkout may lie in root's home.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
from pathlib import Path

USER = "nagios"
PROGRAMS = ("setpriv", "unshare", "sudo")


def why_not(*programs: str) -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    if os.geteuid() != 0:
        return "only root can start something as another user"
    missing = [program for program in (*PROGRAMS, *programs) if not shutil.which(program)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return None if USER in {entry.pw_name for entry in pwd.getpwall()} else f"there is no user {USER}"


def as_monitoring_user(words: list[str], rules: str = "", directory: Path | None = None) -> list[str]:
    """The words as a command line that runs them as the user, with the sudo rules, which are kept in `directory`."""
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--inh-caps=+dac_override",
              "--ambient-caps=+dac_override", *words]  # fmt: skip
    if directory is None:
        return become
    place = directory / "sudoers.d"
    place.mkdir(exist_ok=True)
    (place / "rules").write_text(rules)
    (place / "rules").chmod(0o440)
    line = f"mount --bind {shlex.quote(str(place))} /etc/sudoers.d && exec {shlex.join(become)}"
    return ["unshare", "--mount", "sh", "-c", line]
