"""What the user who runs the checks may run as root, for sudo(8): the gate, and each repair to the letter.

sudoers(5) holds the words after a command against the given ones as they are, so a listed line permits itself only. The
gate is listed without words, which permits any: it judges them itself (`checks.ask`).
"""

from __future__ import annotations

from remediate.contrib.placement import Placement
from remediate.events.repair_request import REQUESTS

ABOUT = """\
# sudo on a node of the pair: what {user}, who runs the checks, may do as root. Nothing of it leads to a shell, as long
# as root alone can write to the commands below and to the Python that they are in. After `visudo -c -f FILE`:
#     install -m 0440 FILE /usr/local/etc/sudoers.d/hastwatch      (where FreeBSD has it; elsewhere in /etc/sudoers.d)
# Generated: `hastwatch contrib sudoers`, which knows --directory and --user.

# Answers what the checks ask and nothing else; `hastwatch-ask --list` says what that is. It is asked several times a
# minute, so what it answers is not logged, and no session is opened for it; what it refuses is in its own log.
"""
REPAIRS = """
# The repairs that monitoring may request, and the notice that one is held back. The node checks for itself whether a
# repair is needed. No other option and no other subcommand is permitted.
"""
SETTINGS = """
# Nothing of the caller's environment gets through, whatever other files keep.
Defaults!HASTWATCH_ASK env_reset, !env_keep, !env_check, !setenv, !requiretty, !use_pty, !log_allowed, !pam_session
Defaults!HASTWATCH_REPAIR env_reset, !env_keep, !env_check, !setenv, !requiretty, !use_pty
"""


def text(placement: Placement) -> str:
    """The file."""
    lines = [f"{placement.command('hastwatch')} {' '.join(request.words)}" for request in REQUESTS]
    return "".join((
        ABOUT.format(user=placement.user),
        f"Cmnd_Alias HASTWATCH_ASK = {placement.command('hastwatch-ask')}\n",
        REPAIRS,
        "Cmnd_Alias HASTWATCH_REPAIR = \\\n    ",
        ", \\\n    ".join(lines),
        "\n",
        SETTINGS,
        f"\n{placement.user} ALL = (root) NOPASSWD: HASTWATCH_ASK, HASTWATCH_REPAIR\n",
    ))  # fmt: skip
