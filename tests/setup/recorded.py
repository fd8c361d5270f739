"""The states of tests/recordings with what `hastwatch-ask --setup` says: made of simulated pairs, as no real one has
been asked yet.

    python -m tests.setup.recorded        write them anew; the reviewer reads the diff, and that of `tests/expected.py`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from checks.plugin.config import PATH as CONFIGURATION
from tests.failover.installed_pair import state_directory
from tests.setup.audited import AuditedPair, cheap_digests

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
NONCE = "0" * 32
MISTAKES = (
    "sysrc mountd_enable=YES", "rm /usr/local/etc/devd/hastwatch.conf", "chmod 755 /var/db/hastwatch",
    "ifconfig vtnet1 vhid 2 advskew 20", "sysctl kern.filedelay=30",
)  # fmt: skip
NEW_HOST = (
    "sed -i '' '/exec/d' /etc/hast.conf", "sed -i '' 's/timeout 10/timeout 60/' /etc/hast.conf",
    "rm /usr/local/etc/devd/hastwatch.conf", "rm /usr/local/etc/rc.d/hastwatch",
    "rm /usr/local/etc/rc.d/hastwatch_hold",
    "rm /etc/cron.d/hastwatch", "rm /etc/sysctl.conf", "sed -i '' '/carp_load/d' /boot/loader.conf",
    f"rm {CONFIGURATION}", "service ntpd stop", "sed -i '' '/_enable/d' /etc/rc.conf", "rm -f /etc/rc.conf.d/mountd",
    "sysctl net.inet.carp.preempt=0", "sysctl vfs.nfsd.server_min_nfsvers=2", "sysctl kern.filedelay=30",
    "chmod 666 /usr/local/etc/sudoers.d/hastwatch", "ifconfig vtnet1 10.1.101.5 -alias",
    "sed -i '' '/vhid/d' /etc/rc.conf",
)  # fmt: skip
STATES: dict[str, tuple[tuple[str, ...], str]] = {
    "made-setup-well": ((), "root"),
    "made-setup-mistakes": (MISTAKES, "root"),
    "made-setup-new-host": (NEW_HOST, "root"),
    "made-setup-not-root": ((), "nagios"),
}
"""What is typed on nfs002, and who asks."""
TOML = """\
[setup.accepted]
setup-export-root = "the documented set-up has it"
"""


def main() -> int:
    """Write them; the exit status."""
    for name, (lines, user) in STATES.items():
        with state_directory() as state, cheap_digests():
            pair = AuditedPair(state)
            pair.types("nfs002", lines)
            for node in pair.pair.nodes.values():
                answer = node.run(f"hastwatch-ask --setup {NONCE}", user=user).out
                folder = RECORDINGS / name / node.name
                folder.mkdir(parents=True, exist_ok=True)
                text = json.dumps(json.loads(answer), ensure_ascii=False)
                (folder / "hastwatch-ask-setup.txt").write_text(f"$ hastwatch-ask --setup\n{text}\nexit 0\n")
        (RECORDINGS / name / "hastwatch.toml").write_text(TOML)
    return 0


if __name__ == "__main__":
    sys.exit(main())
