"""What may be asked of a node through ssh: by the checks and hastwatch itself on the other node, and by the monitoring
host, with a forced command each.

sshd(8) gives the forced command to the user's shell, and what the caller wanted to run as SSH_ORIGINAL_COMMAND. The
shell only expands it: in quotes, as the one argument of the gate; without, as words after `hastwatch`, which sudo(8) or
doas(1) then hold against the lines that they permit. So the list of repairs exists once. A user who is root needs
neither, and there is no list to hold words against: then no repair is offered. The root of the other node gets a line
for root's authorized_keys: `hastwatch answer` holds what it asks and orders against a list of its own.
"""

from __future__ import annotations

from remediate.contrib.placement import Placement

CHECKS_KEY, REPAIRS_KEY = "KEY-OF-THE-CHECKS", "KEY-OF-THE-REPAIRS"
PEER_KEY = "KEY-OF-ROOT-ON-THE-OTHER-NODE"
"""What the administrator puts the public keys in for. sshd(8) ignores a line without a key."""

ABOUT = """\
# ssh to a node of the pair: append to ~{user}/.ssh/authorized_keys there, with real keys in place of the names in
# capitals (`ssh-ed25519 AAAA... comment`). The shell of {user} has to be a sh(1): FreeBSD's port gives nagios none
# (`pw usermod nagios -s /bin/sh`), and its password stays `*`. `from="10.1.101.9",` before `restrict` also says
# from where. On FreeBSD sudo and doas are in /usr/local/bin, where sshd's PATH leads.
# Generated: `hastwatch contrib authorized-keys`, which knows --directory, --user and --by.

# The checks, of the other node (peer = "ssh -o BatchMode=yes nfs002") and of a monitoring host (--via "ssh ...").
"""
REPAIRS = """
# The repairs, of the event handler on a monitoring host (hastwatch-event-handler --ssh). A key of its own: whoever
# only checks has no use for them. sudo or doas permits what `hastwatch contrib sudoers` or `doas` lists, nothing else.
# ~/.ssh/config of the user of the engine there names the key (it has no passphrase), and the port where it is not 22.
"""
PEER = """
# hastwatch itself on the other node, which is root there (`peer`): append to /root/.ssh/authorized_keys
# and set `PermitRootLogin forced-commands-only` in /etc/ssh/sshd_config. It gets what `hastwatch answer --list` prints
# and nothing else: no shell, no role, no file of its own choice.
"""
NO_REPAIRS = """
# No repairs: {user} is root here, so nothing would hold a request against the list of those that are permitted. Ask
# for them as another user, with --by 'sudo -n'.
"""


def text(placement: Placement) -> str:
    """The file."""
    gate, hastwatch = placement.as_root("hastwatch-ask"), placement.as_root("hastwatch")
    path = placement.command("hastwatch")
    peer = PEER + of_peer(placement, PEER_KEY)
    argument = ' \\"$SSH_ORIGINAL_COMMAND\\"' if placement.by else ""
    checks = f'restrict,command="exec {gate}{argument}" {CHECKS_KEY}\n'
    words = f"${{SSH_ORIGINAL_COMMAND#{path} }}"
    repairs = f'{REPAIRS}restrict,command="set -f; exec {hastwatch} {words}" {REPAIRS_KEY}\n'
    offered = repairs if placement.by else NO_REPAIRS.format(user=placement.user)
    return ABOUT.format(user=placement.user) + checks + offered + peer


def of_peer(placement: Placement, key: str) -> str:
    """The line of root's key on the other node."""
    return f'restrict,command="exec {placement.command("hastwatch")} answer" {key}\n'
