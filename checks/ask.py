"""hastwatch-ask: answer what the checks ask of a node, as root, and nothing else.

    check_hast --via 'sudo -n /usr/local/hastwatch/bin/hastwatch-ask'

It is the last word of a prefix (--via, --peer, or `via` in the configuration): sudo(8) or doas(1) make it root, and it
takes one argument, the command line that a check runs. Or it is the forced command of a key in authorized_keys
(sshd(8)): then it takes no argument, and the line from SSH_ORIGINAL_COMMAND. A line of the table below (--list) is run
without a shell, with an environment of its own; everything else is refused and goes to syslog (auth.warning). Several
lines can be asked in one call, `--batch SECONDS -- COMMAND -- COMMAND`: the answers are one JSON object. `--as-primary`
says in another one which kernel and which hastd this node has (`checks.probes.as_primary`); anybody may ask that.
`--setup NONCE` tells how the node is set up, for check_hast_setup, as far as whoever asks may read it (`checks.setup`).

Every line of the table only reads, and none reads a file or a directory that the caller may choose: a resource, a
process, a log and a file of rules are named by one plain word, a mount point is /hast/NAME or one that this node's
/usr/local/etc/hastwatch.toml names. `ask_write = true` there lets `check_hast_mount --depth write` through, too.

Exit status: that of the command; 126 refused, 127 the command is not on this node.

A process of this is started for every command of every check: it imports next to nothing.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from checks.plugin.config import CheckConfig

    Kinds = Mapping[str, Callable[[str, "Points"], bool]]

Rows = tuple[tuple[str, str, str], ...]
READS: Rows = (
    ("/bin/hostname", "", "which node this is"),
    ("/usr/bin/uname", "-r", "its release, for known bugs"),
    ("/usr/local/hastwatch/bin/hastwatch-ask", "--as-primary", "which kernel and hastd it has, for a known bug"),
    ("/usr/local/hastwatch/bin/hastwatch-ask", "--setup <nonce>", "how it is set up, without any password"),
    ("/bin/cat", "/var/db/hastwatch/as_primary.json", "whether one was seen to work"),
    ("/bin/date", "+%Y-%m-%dT%H:%M:%S", "the time in which its logs are written"),
    ("/bin/date", "+%z", "how far that is from UTC"),
    ("/bin/date", "+%s", "how long ago something was recorded"),
    ("/sbin/sysctl", "-n kern.boottime", "and whether the node was booted since"),
    ("/bin/cat", "/var/run/hastwatch.boot", "whether what was recorded is of this boot"),
    ("/sbin/sysctl", "-n kern.hostuuid kern.hostid", "by which of its names hast.conf means it"),
    ("/sbin/sysctl", "net.inet.carp", "demotion, preempt, allow"),
    ("/sbin/ifconfig", "-a", "the state of every vhid"),
    ("/sbin/hastctl", "list <name>", "role, worker, dirty bytes of a resource"),
    ("/sbin/hastctl", "dump <name>", "its metadata, which tell a split-brain"),
    ("/sbin/mount", "", "what is mounted and exported"),
    ("/sbin/mount", "-v", "its fsid"),
    ("/sbin/sysctl", "-n kern.geom.confxml", "what a device that is mounted lies on"),
    ("/sbin/zpool", "status -P <name>", "and what a pool is made of"),
    ("/sbin/route", "-n get <family> <address>", "whether a route rejects the other node"),
    ("/bin/df", "-ik <point>", "room at a mount point"),
    ("/bin/ls", "-A <point>", "names under a mount point"),
    ("/bin/ps", "-axww -o pid,ppid,jid,ruid,uid,lstart,comm", "which daemons run"),
    ("/usr/sbin/jls", "jid name", "which of them run in service jails"),
    ("/bin/ps", "-o stat,%cpu -p <pid>", "whether devd is stopped or spins"),
    ("/usr/bin/netstat", "-an -f unix", "whether devd has its event socket"),
    ("/bin/ps", "-ww -o command -p <pid>", "which file devd was started with"),
    ("/bin/cat", "/var/run/devd.pid", "whether rc(8) can stop it"),
    ("/bin/cat", "/etc/devd.conf", "devd's rules"),
    ("/bin/ls", "/dev/hast", "whether a primary has its device"),
    ("/usr/bin/nc", "-z -w 1 <address> 8457", "whether the other node's hastd listens"),
    ("/bin/ls", "/etc/devd", "where more of them are"),
    ("/bin/ls", "/usr/local/etc/devd", "and more"),
    ("/bin/cat", "/etc/devd/<name>.conf", "the rules there"),
    ("/bin/cat", "/usr/local/etc/devd/<name>.conf", "and there"),
    ("/bin/ls", "-lL /usr/local/sbin/<name>", "whether the hook that a rule calls can be run"),
    ("/bin/cat", "/usr/local/sbin/carp-hast-switch", "which interpreter the hook needs"),
    ("/bin/ls", "-lL /usr/local/hastwatch/bin/<name>", "whether that is there"),
    ("/bin/ls", "-lL /usr/local/bin/<name>", "or there"),
    ("/bin/ls", "-lL /usr/bin/<name>", "or there"),
    ("/bin/ls", "-lL /usr/sbin/<name>", "or there"),
    ("/bin/ls", "-lL /bin/<name>", "or there"),
    ("/bin/ls", "-lL /sbin/<name>", "or there"),
    ("/bin/cat", "/usr/local/hastwatch/pyvenv.cfg", "for which Python it was made"),
    ("/bin/cat", "/etc/hast.conf", "the resources"),
    ("/bin/cat", "/var/db/hastwatch/maintenance.json", "whether an operator works on the node"),
    ("/bin/cat", "/var/db/hastwatch/hold.json", "how far hastwatch holds it back in CARP"),
    ("/bin/cat", "/var/run/hastwatch/hold.json", "the same, while it cannot be written there"),
    ("/bin/cat", "/var/db/hastwatch/silence.json", "whether it drops segments to closed ports for a failover"),
    ("/bin/cat", "/var/db/hastwatch/<name>.split-brain", "what hastd said of a split-brain"),
    ("/bin/cat", "/var/db/hastwatch/<name>.ledger.json", "whether a write has failed on its copy"),
    ("/bin/cat", "/var/run/hastwatch/<name>.split-brain", "the same of each, where it could not be written there"),
    ("/bin/cat", "/var/run/hastwatch/<name>.ledger.json", "and of this"),
    ("/bin/cat", "/var/db/hastwatch/<name>.verified.json", "the result of the last comparison of the copies"),
    ("/bin/cat", "/var/run/hastwatch/<name>.verified.json", "the same, where it could not be written there"),
    ("/bin/cat", "/var/db/hastwatch/<name>.unproven.json", "whether the other copy may lack what was underway"),
    ("/bin/cat", "/var/run/hastwatch/<name>.unproven.json", "the same, where it could not be written there"),
    ("/usr/bin/grep", "-h hastd /var/log/messages /var/log/daemon.log", "what hastd logged"),
    ("/usr/bin/grep", "-h -A 60 hastd /var/log/<log>", "how often syslogd counted it again"),
    ("/bin/ls", "/var/log", "which log was rotated last"),
    ("/bin/cat", "/var/log/<archive>", "and what it has"),
    ("/usr/bin/bzcat", "/var/log/<archive>.bz2", "the same"),
    ("/usr/bin/zcat", "/var/log/<archive>.gz", "the same"),
    ("/usr/bin/xzcat", "/var/log/<archive>.xz", "the same"),
    ("/usr/bin/zstdcat", "/var/log/<archive>.zst", "the same"),
)
"""Everything that the checks run: the program (hier(7) of FreeBSD), its arguments, what for. `<kind>` is one of KINDS.

Each row is a privilege of the monitoring user. Not among them: the role and create of hastctl(8); a device for df(1),
which would mount it to look (df.c); for check_devd a --rules outside of the directories of devd, a --hook outside of
/usr/local/sbin, a -f or a `directory` of devd's own choice, and which interpreter a hook of another name needs.
"""
WRITES: Rows = (
    ("/usr/bin/mktemp", "<point>/.hastwatch.XXXXXXXX", "whether a file can be made (check_hast_mount --depth write)"),
    ("/usr/bin/fsync", "<made>", "and synced to the disk"),
    ("/bin/rm", "<made>", "and removed"),
)
"""What is admitted besides where the node's configuration has `ask_write`: it can fill a file system with empty files.
None of it opens a link or leaves the mount point; what is removed is named like what mktemp(1) makes."""

ENV_C = ["/usr/bin/env", "LC_ALL=C"]
"""What checks.probes.node puts before every command; we set it ourselves."""
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"}
"""All that a command gets: that of checks.probes.process."""
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
PLAIN = LETTERS | frozenset("@%+=:,./- ")
"""What checks.probes.node.quoted() leaves as it is. A word that it would quote is in no line of the table."""
NAMED = LETTERS | frozenset(".:+-")
"""What a resource is named with, checks.probes.hast.RESOURCE_NAME: no slash; first of all a letter, so no option, no
`..` and no hidden file."""
ADDRESS = frozenset("0123456789abcdefABCDEF.:")
HEXADECIMAL = frozenset("0123456789abcdef")
LOGS = ("messages", "daemon.log")
"""The logs that checks.probes.hast_log reads."""
HAST, MADE = "/hast/", "/.hastwatch."
LONGEST_SHOWN = 200
PATIENCE = 120
"""Seconds after which a command that hangs is ended by the kernel (alarm(3) outlives execve(2)): whoever asked may not
kill a process of root. Well above what one command of a check is given."""
STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
"""What a terminal stops its processes with, whosever they are: a stopped hastctl that has begun to speak would keep
hastd waiting, and a stopped process does not even end by SIGALRM."""
REFUSED, NOT_FOUND = 126, 127
"""What checks.probes.node takes for NotPermitted and for ToolMissing."""
NOT_PRINTED = 74


class LineRefused(Exception):
    """The line is none that the checks run; the text says why, in one line."""


def shown(text: str) -> int:
    """Print it, whole; the exit status, EX_IOERR of sysexits(3) where that is not possible."""
    rest = text.encode()
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError:
        return NOT_PRINTED
    return 0


def main() -> int:
    """Answer the command line or SSH_ORIGINAL_COMMAND; the exit status, where nothing was run."""
    words = sys.argv[1:]
    if words in (["-h"], ["--help"]):
        from checks.plugin.help_text import columns, fitted

        usage = "usage: hastwatch-ask LINE | --list | --as-primary | --setup NONCE"
        return shown(fitted(f"{usage}\n\n{__doc__}", columns()) + "\n")
    if words in (["-V"], ["--version"]):
        from checks import VERSION

        return shown(f"hastwatch-ask {VERSION}\n")
    if words == ["--list"]:
        return shown(listing())
    if words == ["--as-primary"]:
        from checks.probes import as_primary

        return shown(as_primary.answer())
    if words[:1] == ["--setup"] and len(words) == 2 and is_nonce(words[1]):
        from checks.setup import answer

        return shown(answer.answer(words[1]))
    if words[:1] == ["--batch"]:  # a login shell has split the line
        words = [" ".join([*ENV_C, sys.argv[0], *words])]
    asked = words or [line for line in [os.environ.get("SSH_ORIGINAL_COMMAND")] if line is not None]
    try:
        if len(asked) != 1:
            raise LineRefused("one argument is needed, a command line (see hastwatch-ask --help)")
        if questions := several(asked[0]):
            from checks import batch

            return batch.answer(questions, lambda line: admitted(line, own_configuration))
        return run(admitted(asked[0], own_configuration))
    except LineRefused as error:
        return refuse(str(error), " ".join(asked))


def run(argv: list[str]) -> int:
    """Become the program; the exit status where that cannot be. Raises LineRefused."""
    refuse_what_is_no_file(argv)
    try:
        execute(argv)
    except FileNotFoundError:
        return say(f"{argv[0]}: not found", NOT_FOUND)
    except OSError as error:
        return say(f"{argv[0]}: {error.strerror}", REFUSED)


def several(line: str) -> list[str]:
    """The words from `--batch` on of a line that asks several questions (`checks.probes.ahead`), none of another."""
    words = line.split(" ")
    ours = PLAIN.issuperset(line) and words[:2] == ENV_C and words[3:4] == ["--batch"]
    return words[3:] if ours and words[2].rpartition("/")[2] == "hastwatch-ask" else []


def admitted(line: str, configuration: Callable[[], CheckConfig]) -> list[str]:
    """The program and the arguments of a line that the checks run. The configuration is only asked for where it makes
    a difference. Raises LineRefused."""
    words = line.split(" ")
    if not PLAIN.issuperset(line) or words[:2] != ENV_C:
        raise LineRefused("not a command line as checks make it")
    argv = words[2:]
    points = Points(configuration)
    if any(fits(argv, row, points) for row in READS):
        return argv
    if any(fits(argv, row, points) for row in WRITES):
        if configuration().ask_write:
            return argv
        raise LineRefused("it writes, and hastwatch.toml does not say ask_write = true")
    raise LineRefused("not among what checks run (see hastwatch-ask --list)")


class Points:
    """The mount points of the node."""

    def __init__(self, configuration: Callable[[], CheckConfig]) -> None:
        self._configuration = configuration

    def __contains__(self, path: str) -> bool:
        """Whether `path` is one. Raises LineRefused where the configuration cannot be read."""
        if path.startswith(HAST) and is_name(path[len(HAST) :]):
            return True
        configured = self._configuration()
        return any(path == configured.for_resource(name).mount_point for name in configured.resource)


def fits(argv: list[str], row: tuple[str, str, str], points: Points, kinds: Kinds | None = None) -> bool:
    """Whether a command is one of a row, with KINDS or other kinds of words."""
    program, pattern, _ = row
    wanted = pattern.split()
    return (
        argv[:1] == [program]
        and len(argv) == len(wanted) + 1
        and all(word_fits(word, each, points, kinds or KINDS) for word, each in zip(argv[1:], wanted, strict=True))
    )


def word_fits(word: str, pattern: str, points: Points, kinds: Kinds) -> bool:
    """Whether a word is one of a pattern, which has one `<kind>` at most."""
    before, mark, rest = pattern.partition("<")
    if not mark:
        return word == pattern
    kind, _, after = rest.partition(">")
    middle = word[len(before) : len(word) - len(after)]
    return word.startswith(before) and word.endswith(after) and kinds[kind](middle, points)


def is_name(text: str) -> bool:
    """One plain word."""
    return text[:1] in LETTERS and NAMED.issuperset(text) and len(text) <= 255


def is_archive(text: str) -> bool:
    """A log that newsyslog(8) rotated: `messages.0`, or with -t DEFAULT `messages.20261122T084634`."""
    log = next((log for log in LOGS if text.startswith(f"{log}.")), "")
    age = text[len(log) + 1 :]
    digits = age[:8] + age[9:]
    return bool(log) and (age == "0" or (len(age) == 15 and age[8] == "T" and digits.isascii() and digits.isdigit()))


def is_nonce(text: str) -> bool:
    """What a check draws at random for an audit (`checks.setup.answer`)."""
    return len(text) == 32 and HEXADECIMAL.issuperset(text)


def is_made(text: str, points: Points) -> bool:
    """A name that mktemp(1) made at a mount point."""
    point, _, rest = text.rpartition(MADE)
    return len(rest) == 8 and LETTERS.issuperset(rest) and point in points


KINDS: Kinds = {
    "address": lambda text, points: 0 < len(text) <= 45 and ADDRESS.issuperset(text),
    "family": lambda text, points: text in ("-inet", "-inet6"),
    "name": lambda text, points: is_name(text),
    "nonce": lambda text, points: is_nonce(text),
    "log": lambda text, points: text in LOGS,
    "archive": lambda text, points: is_archive(text),
    "pid": lambda text, points: text.isascii() and text.isdigit() and len(text) <= 7,
    "point": lambda text, points: text in points,
    "made": is_made,
}


def own_configuration() -> CheckConfig:
    """This node's configuration. Raises LineRefused."""
    from checks.plugin.config import ConfigError, load

    try:
        return load(None)
    except ConfigError as error:
        raise LineRefused(str(error)) from None


def refuse_what_is_no_file(argv: list[str]) -> None:
    """fsync(1) opens what a name leads to, and who may write at the mount point may have put a link or a pipe there.
    Raises LineRefused."""
    if argv[0] == "/usr/bin/fsync" and os.path.lexists(argv[1]):
        import stat

        if not stat.S_ISREG(os.lstat(argv[1]).st_mode):
            raise LineRefused("not a regular file")


def execute(argv: list[str]) -> NoReturn:
    """Become the command: no shell, no input, nothing of the caller's environment or signals. Raises OSError."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir("/")
    for number in (signal.SIGPIPE, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.alarm(PATIENCE)
    os.execve(argv[0], argv, ENVIRONMENT)


def refuse(why: str, line: str) -> int:
    """Say it, to syslog too, with whatever was asked for made harmless; the exit status."""
    import syslog

    shown = ascii(line[:LONGEST_SHOWN])
    who = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER") or f"uid {os.getuid()}"
    syslog.openlog("hastwatch-ask", syslog.LOG_PID, syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_WARNING, f"refused to {who[:32]!a}: {shown}: {why}")
    return say(f"refused: {shown}: {why}", REFUSED)


def say(text: str, status: int) -> int:
    """One line on standard error; `status`."""
    sys.stderr.write(f"hastwatch-ask: {text}\n")
    return status


def listing() -> str:
    """The table, for people."""
    lines = []
    for title, rows in (("", READS), ("\nwith ask_write = true in hastwatch.toml:\n", WRITES)):
        lines.append(title)
        lines += [f"{f'{program} {arguments}'.strip():<62} {what}\n" for program, arguments, what in rows]
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
