"""Why a probe could not say what it was asked. Each error is one sentence for people; a check turns it into UNKNOWN.

`reason` is the name under which the check reports it, part of the interface like the reasons of the checks' own tables.
"""

import re

ADMITS_NOBODY = (
    r"Permission denied \(|Host key verification failed|"
    r"Connection timed out during banner exchange|Connection closed by "
)
"""What ssh(1) says once it is connected (crypto/openssh: sshconnect2.c, userauth(), verify_host_key_callback(); kex.c,
kex_exchange_identification(); packet.c, sshpkt_vfatal())."""


class ProbeError(Exception):
    """The common base; never raised itself."""

    reason = "probe-failed"


class ToolMissing(ProbeError):
    """The program is not on the node (ENOENT, or a shell's exit status 127)."""

    reason = "tool-missing"


class NotPermitted(ProbeError):
    """The program or the file may not be used by this user."""

    reason = "permission-denied"


class Hangs(ProbeError):
    """The command did not end by its deadline and was killed, or given up where it could not be killed."""

    reason = "command-hangs"


class StillHangs(Hangs):
    """The same command, given up in an earlier run, has still not ended: it is not started a second time."""

    reason = "command-still-hangs"


class OutOfTime(ProbeError):
    """The check's own time was over before the command had the share that it may take: that says nothing of it."""

    reason = "check-timeout"


class CommandFailed(ProbeError):
    """The command ended with a status that its manual does not explain, or the kernel refused to start it."""

    reason = "command-failed"


class Unreachable(ProbeError):
    """The way to the node (the words of `--via` or `--peer`) does not work."""

    reason = "node-unreachable"

    def __init__(self, says: str, why: str = "") -> None:
        super().__init__(says)
        self.why = why
        """What the way itself gave as the reason, the words of strerror(3) where it is ssh(1)."""

    @property
    def admits_nobody(self) -> bool:
        """Whether a machine took the connection of ssh(1), and let nobody in."""
        return re.match(ADMITS_NOBODY, self.why) is not None


class NotTheOther(ProbeError):
    """The way to the other node leads back to this one, or to a stranger: what is said there is not its answer."""

    reason = "peer-is-this-node"


class NotFound(ProbeError):
    """The file does not exist on the node."""

    reason = "file-missing"


class NoResource(ProbeError):
    """hast.conf names no resource, and none was asked for."""

    reason = "no-resource"


class NotUnderstood(ProbeError):
    """What was printed is not what the tool prints; the text names the offending line."""

    reason = "output-not-understood"

    def __init__(self, what: str, line: str) -> None:
        super().__init__(f"{what} not understood: {line.strip()[:160]!r}")
        self.line = line


def why_unread(path: str, error: OSError) -> ProbeError:
    """Why a file of this machine could not be opened or read."""
    if isinstance(error, FileNotFoundError):
        return NotFound(f"{path}: no such file")
    if isinstance(error, PermissionError):
        return NotPermitted(f"{path}: permission denied")
    return CommandFailed(f"{path}: {error.strerror}")
