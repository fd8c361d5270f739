"""Programs as far as they matter to the question which program a command line ends up running.

The options are those of the manual pages of 13.2 and 15.1 together: `options` are the letters and long names that take
a value, `before` is how many operands come before the command.
"""

from __future__ import annotations

from typing import NamedTuple

DIRECTORIES = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/rescue")


class Wrapper(NamedTuple):
    """A program that runs the command in its operands."""

    options: str = ""
    long: tuple[str, ...] = ()
    before: int = 0
    assignments: bool = False
    background: bool = False


WRAPPERS = {
    "builtin": Wrapper(),
    "command": Wrapper(),
    "daemon": Wrapper("lmoPpRstTu", (
        "change-dir", "output-file", "output-mask", "child-pidfile", "supervisor-pidfile", "restart-delay",
        "restart-count", "syslog-facility", "syslog-priority", "syslog-tag", "title", "user",
    ), background=True),
    "doas": Wrapper("aCu", assignments=True),
    "env": Wrapper("LPSUu", assignments=True),
    "exec": Wrapper(),
    "idprio": Wrapper(before=1),
    "ktrace": Wrapper("fgpt"),
    "lockf": Wrapper("t", before=1),
    "nice": Wrapper("n"),
    "nohup": Wrapper(),
    "protect": Wrapper("gp"),
    "rtprio": Wrapper(before=1),
    "script": Wrapper("tT", before=1),
    "setfib": Wrapper("F", before=1),
    "stdbuf": Wrapper("eio"),
    "sudo": Wrapper("aCcDghprRTtUu", (
        "chdir", "chroot", "close-from", "command-timeout", "group", "host", "other-user", "prompt", "role", "type",
        "user",
    ), assignments=True),
    "time": Wrapper("o"),
    "timeout": Wrapper("ks", ("kill-after", "signal"), before=1),
}  # fmt: skip
"""They stand for the command that they run, as far as its arguments go."""
SHELLS = frozenset(("ash", "bash", "csh", "dash", "ksh", "mksh", "sh", "tcsh", "zsh"))
INTERPRETERS = ("perl", "python", "ruby")
"""How the names of programs begin that run the script in their first operand."""
SUCCEED = frozenset((
    "date", "echo", "export", "local", "logger", "mkdir", "printf", "readonly", "set", "sleep", "sync", "touch",
    "trap", "true", "umask", "unset", "wait", ":",
))  # fmt: skip
"""They are taken to succeed: where `echo` fails nothing of a rule is to be relied on."""
INERT = SUCCEED | frozenset((
    "alias", "awk", "basename", "bg", "cat", "chmod", "chown", "cmp", "cp", "cut", "df",
    "diff", "dirname", "egrep", "false", "fg", "fgrep", "file", "grep", "head", "hash", "hastctl", "ifconfig",
    "install", "jobs", "jot", "kill", "killall", "ln", "ls", "lsof", "mail", "md5", "mount", "mv", "pgrep",
    "pkill", "ps", "pwd", "read", "readlink", "realpath", "rm", "rmdir", "sed", "seq", "service", "sha256",
    "sort", "stat", "sysctl", "sysrc", "tail", "tee", "test", "tr", "type", "ulimit", "umount", "uname", "uniq",
    "wall", "wc", "whereis", "which", "who", "write", "[",
))  # fmt: skip
"""They run none of their operands."""
