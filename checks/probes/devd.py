"""devd(8): whether it lives and comes to its events, and which files it reads its rules from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from checks.probes.devd_conf import DevdConfiguration, DevdConfMissing
from checks.probes.errors import CommandFailed, NotFound, NotUnderstood
from checks.probes.filesystem import refuse_missing
from checks.probes.node import Node
from checks.probes.processes import DEVD, Process, daemons, title

PID_FILE = "/var/run/devd.pid"
SOCKET = "/var/run/devd.pipe"
"""The stream variant of the event socket; the same loop serves devd.seqpacket.pipe."""
SOCKETS = ("netstat", "-an", "-f", "unix")
SOCKETS_HEADER = "Active UNIX domain sockets"
SOCKETS_LINE = r" *[0-9a-f]+ +\w+ +\d+ +\d+(?: +[0-9a-f]+){4} (?P<path>/.*)"
"""usr.bin/netstat/unix.c, unixdomainpr(). With -L a socket would be left out whose limit is 0, as it is while devd has
all the clients that it takes (devd.cc, event_loop())."""
MAIN_FILE = "/etc/devd.conf"
DIRECTORIES = ("/etc/devd", "/usr/local/etc/devd")
"""`directory` in the devd.conf that FreeBSD ships; rules of one's own belong here, not into devd.conf."""
OPTIONS = "df:l:nq"
"""Those of devd(8), as getopt(3) takes them (devd.cc main()); any other ends it."""


def pid_in_file(node: Node) -> int | None:
    """The process id in devd's pid file, None where there is no such file. Raises ProbeError."""
    try:
        text = node.read(PID_FILE).strip()
    except NotFound:
        return None
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise NotUnderstood(PID_FILE, text or "(empty)")
    return int(text)


def find(processes: tuple[Process, ...]) -> Process | None:
    """devd among the processes of a node."""
    return next(iter(daemons(processes, DEVD)), None)


def has_socket(node: Node) -> bool:
    """Whether there is an event socket, which devd makes right before it reads its first event (devd.cc, event_loop()).

    Nothing is connected to it: devd logs every client that goes, however it goes (check_clients(), notify_clients()),
    and the kernel takes connections for a devd that hangs too, until its queue is full. Raises ProbeError."""
    asked = node.run(*SOCKETS)
    if asked.status != 0:
        raise CommandFailed(f"`{' '.join(SOCKETS)}` exits with {asked.status}: {asked.words}")
    return SOCKET in parse_sockets(asked.stdout)


def parse_sockets(text: str) -> frozenset[str]:
    """The paths in the output of netstat(1). Raises NotUnderstood."""
    header, *lines = text.splitlines() or [""]
    if header != SOCKETS_HEADER:
        raise NotUnderstood("netstat", header or "(empty)")
    return frozenset(match["path"] for line in lines if (match := re.fullmatch(SOCKETS_LINE, line, re.ASCII)))


def action(processes: tuple[Process, ...], daemon: Process) -> Process | None:
    """The process of the action that devd waits for, None where it waits for none: it starts one at a time, and reads
    no event until that has ended (devd.cc, my_system())."""
    return next((process for process in processes if process.ppid == daemon.pid), None)


def configured(node: Node, daemon: Process | None) -> DevdConfiguration:
    """What devd reads: the file it was started with, then *.conf of the directories that this names. Raises
    DevdConfError, NotThere and ProbeError."""
    file = MAIN_FILE if daemon is None else main_file(title(node, daemon.pid))
    configuration = DevdConfiguration()
    try:
        configuration.read(node.read(file), file)
    except NotFound:
        raise DevdConfMissing(file) from None
    directories = tuple(configuration.directories)
    for rank, directory in enumerate(directories, 1):
        for path in files(node, directory):
            configuration.read(node.read(path), path, rank)
    if tuple(configuration.directories) != directories:
        raise NotUnderstood("the files of devd, one of which names one more directory", configuration.directories[-1])
    return configuration


def read_files(node: Node, files: Iterable[str]) -> DevdConfiguration:
    """The rules of some files, in this order. Raises DevdConfError and ProbeError."""
    configuration = DevdConfiguration()
    for rank, file in enumerate(files):
        configuration.read(node.read(file), file, rank)
    return configuration


def main_file(called: str) -> str:
    """The file that devd was started with, from its command line as ps(1) shows it. Raises NotUnderstood."""
    words = called.split(" ")
    if not re.fullmatch(r"(.*/)?devd", words.pop(0)):
        raise NotUnderstood("the command line of devd", called)
    file = MAIN_FILE
    while words and re.match("-[^-]", words[0]):
        letters = words.pop(0)[1:]
        valued = next((at for at, letter in enumerate(letters) if f"{letter}:" in OPTIONS), None)
        if valued is None:
            continue
        value = letters[valued + 1 :] or (words.pop(0) if words else "")
        file = value if letters[valued] == "f" else file
    if not file.startswith("/"):
        raise NotUnderstood("the command line of devd", called)
    return file


def files(node: Node, directory: str) -> tuple[str, ...]:
    """The files of a directory that devd reads, in whatever order; none where it cannot be opened
    (config::parse_files_in_dir()). Raises ProbeError."""
    completed = node.run("ls", directory)
    try:
        refuse_missing(completed, directory)
    except NotFound:
        return ()
    if completed.status != 0:
        raise CommandFailed(f"`ls {directory}` exits with {completed.status}: {completed.words}")
    return tuple(f"{directory}/{name}" for name in completed.stdout.splitlines() if name.endswith(".conf"))
