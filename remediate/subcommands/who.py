"""The human who calls a subcommand, for the journal and for everybody who has to ask them."""

from __future__ import annotations

import os

from checks.plugin.text import plain


def who() -> str:
    """The human, also behind sudo(8) and doas(1)."""
    import pwd

    try:
        us = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        us = f"user {os.getuid()}"
    human = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER") or us
    return plain(human, 64) if human == us else f"{plain(human, 64)} as {us}"
