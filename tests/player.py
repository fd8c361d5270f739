#!/usr/bin/env python3
"""Answer a command line from a recording, in the place of a node.

    check_hast --via "/path/to/python -I -S /path/to/tests/player.py tests/recordings/healthy/nfs001"

The first argument is one node's folder of a state, the last one ONE shell-quoted command line, as ssh(1) takes it.
It is started for every command of every probe, so it imports nothing but `os` and `sys` (`shlex` for a quoted line).

A transcript `NAME.txt` is `$ command`, what it printed, `exit N`; `NAME.stderr` beside it repeats what of that came on
standard error. Looked for in this order: the node's folder; its `arranged/`; the same node of the state that the file
`otherwise-as` of the state names, again with `arranged/`; `../../files/NODE/arranged/`, which is true in every state.

Beyond what is recorded word for word, each of these is true of the real thing:

- `sudo`, `doas` and `env` with their options, and the directory of a program, change nothing in what is printed.
- The command `*` answers whatever is asked: a node that ssh cannot reach.
- `exit 124`: the command hung. It prints what it printed then, and does not end for a minute.
- `hastctl list NAME` is a section of `hastctl list`, `hastctl dump NAME` one of `hastctl dump all`, and an error that
  keeps hastctl from listing any is the same for each (hastctl.c main()). A resource in no section does not exist.
- `grep -h hastd LOG ...` are the lines of `grep -h hastd LOG ... | tail -60`; the status tells whether there are any.
- `sysctl [-n] NAME ...` are lines of a longer listing.
- `service X onestatus` is `service X status` of an enabled service (rc.subr(8)).
- `ps` with the columns of PROCESSES is made of `ps -axww -o pid,ppid,command`: see `processes`.
- `ps -ww -o command -p PID` is the last column of that line of `ps -axww -o pid,ppid,command`.
- `hastwatch-ask --setup NONCE` is the answer to another nonce: only digests of passwords depend on it.
- `hostname` and `hostname -s` are the name of the folder.
- `cat PATH` is the file `PATH` under `files/` in one of those folders, else under `files/NODE/` of the state or of all
  states.
  `/var/db/hastwatch` and `/var/run/hastwatch` existed on no recorded node, so nothing in them does.

Anything else was not asked when this was recorded; the answer is that of a shell that doesn't know the command: 127.
"""

import os
import sys

HANGS = 124
PREFIXES = ("sudo", "doas", "env")
PROCESSES = "pid,ppid,jid,ruid,uid,lstart,comm"
WORKER_JAIL, WORKER_USER = 89, 845
LOGS = ["/var/log/messages", "/var/log/daemon.log"]

TRANSCRIPTS: "dict[str, list[tuple[list[str], list[bytes], list[bytes]]]]" = {}
"""What `transcripts` has read."""

Answer = tuple[list[bytes], list[bytes], int]
"""Lines of standard output, lines of standard error, exit status."""


def split(line: str) -> list[str]:
    """The words of a command line, without what does not change its answer."""
    if "'" in line or '"' in line or "\\" in line:
        import shlex

        words = shlex.split(line)
    else:
        words = line.split()
    while words and os.path.basename(words[0]) in PREFIXES:
        words.pop(0)
        while words and (words[0].startswith("-") or "=" in words[0]):
            words.pop(0)
    return [os.path.basename(words[0]), *words[1:]] if words else []


def lines_of(path: str) -> list[bytes]:
    """The lines of a file; none where there is no such file."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    return lines if lines[-1] else lines[:-1]


def places(folder: str) -> list[str]:
    """The folders where the transcripts of a node's folder lie, the nearest first."""
    node, state = os.path.basename(folder), os.path.dirname(folder)
    directories: list[str] = []
    while state and os.path.join(state, node) not in directories:
        directories += [os.path.join(state, node), os.path.join(state, node, "arranged")]
        other = lines_of(os.path.join(state, "otherwise-as"))
        state = os.path.join(os.path.dirname(state), os.fsdecode(other[0])) if other else ""
    return [*directories, os.path.join(folder, "..", "..", "files", node, "arranged")]


def transcripts(place: str) -> "list[tuple[list[str], list[bytes], list[bytes]]]":
    """The transcripts of a folder: the words of the command, its lines, those of its standard error. Read once."""
    if place not in TRANSCRIPTS:
        TRANSCRIPTS[place] = [
            transcript
            for name in (sorted(os.listdir(place)) if os.path.isdir(place) else ())
            if name.endswith(".txt")
            for transcript in transcript_in(os.path.join(place, name))
        ]
    return TRANSCRIPTS[place]


def transcript_in(path: str) -> "list[tuple[list[str], list[bytes], list[bytes]]]":
    """The transcript in a file; none where it is something else."""
    lines = lines_of(path)
    if len(lines) < 2 or not lines[0].startswith(b"$ ") or not lines[-1].startswith(b"exit "):
        return []
    words = os.fsdecode(lines[0][2:]).split()
    command = words if words == ["*"] or not words else [os.path.basename(words[0]), *words[1:]]
    return [(command, lines, lines_of(f"{path[:-4]}.stderr"))]


def recorded(folder: str, words: list[str]) -> "Answer | None":
    """The transcript of exactly this command."""
    for place in places(folder):
        for command, lines, errors in transcripts(place):
            if command not in (["*"], words) or not command:
                continue
            output = lines[1:-1]
            for line in errors:
                if line in output:
                    output.remove(line)
            return output, errors, int(lines[-1][5:])
    return None


def hast_section(folder: str, words: list[str]) -> "Answer | None":
    """`hastctl list NAME` and `hastctl dump NAME`."""
    if words[:1] != ["hastctl"] or len(words) != 3 or words[1] not in ("list", "dump"):
        return None
    answer = recorded(folder, [*words[:2], "all"]) or (recorded(folder, words[:2]) if words[1] == "list" else None)
    if not answer or answer[2] > 4:
        return answer
    heading = os.fsencode(f"{words[2]}:" if words[1] == "list" else f"resource: {words[2]}")
    section: list[bytes] = []
    for line in answer[0]:
        if line == heading or (section and line[:1].isspace()):
            section.append(line)
        elif section:
            break
    if section:
        return section, [], 0
    if words[1] == "list":
        return [heading, b"  error: 1"], [], 1
    return [], [os.fsencode(f"[ERROR] Unknown resource {words[2]}.")], 65


def log_lines(folder: str, words: list[str]) -> "Answer | None":
    """`grep -h hastd` in the logs, out of the recorded end of the same pipe."""
    if words != ["grep", "-h", "hastd", *LOGS]:
        return None
    answer = recorded(folder, [*words, "|", "tail", "-60"])
    return answer and (answer[0], answer[1], 0 if answer[0] else 1)


def sysctl_values(folder: str, words: list[str]) -> "Answer | None":
    """`sysctl [-n] NAME ...` where a longer listing was recorded."""
    names = [word for word in words[1:] if not word.startswith("-")]
    if words[:1] != ["sysctl"] or not names:
        return None
    values: dict[str, bytes] = {}
    for listing in {name.rpartition(".")[0] for name in names}:
        for line in (recorded(folder, ["sysctl", listing]) or ([], [], 0))[0]:
            name, _, value = line.partition(b": ")
            values[os.fsdecode(name)] = value if "-n" in words else line
    return ([values[name] for name in names], [], 0) if values.keys() >= set(names) else None


def processes(folder: str, words: list[str]) -> "Answer | None":
    """`ps -axww -o` with PROCESSES, out of the recorded `ps -axww -o pid,ppid,command`.

    Every recorded process was root's and in no jail, but for hastd's workers (jail 89, uid 845; freebsd-facts:
    workers-are-jailed). The name is the first word's last part (`/usr/sbin/mountd -r`), what stands in front of a colon
    (`nfsd: master (nfsd)`) or in brackets (`[kernel]`). When each began was not recorded; `-` is what ps prints of one
    that is swapped out.
    """
    if words != ["ps", "-axww", "-o", PROCESSES]:
        return None
    answer = recorded(folder, ["ps", "-axww", "-o", "pid,ppid,command"])
    if not answer or not answer[0]:
        return answer
    lines = []
    for number, line in enumerate(answer[0]):
        fields = line.split(None, 2)
        if number == 0 and fields == [b"PID", b"PPID", b"COMMAND"]:
            lines.append(b"  PID  PPID JID RUID UID STARTED COMMAND")
        elif len(fields) == 3:
            jail, user = (WORKER_JAIL, WORKER_USER) if fields[2].startswith(b"hastd: ") else (0, 0)
            shown = b"%5d %5d %3d %4d %3d -       " % (int(fields[0]), int(fields[1]), jail, user, user)
            lines.append(shown + os.path.basename(fields[2].split(b" ")[0]).strip(b"[]").rstrip(b":"))
        else:
            lines.append(line)
    return lines, answer[1], answer[2]


def title(folder: str, words: list[str]) -> "Answer | None":
    """`ps -ww -o command -p PID`, out of the recorded `ps -axww -o pid,ppid,command`."""
    if words[:-1] != ["ps", "-ww", "-o", "command", "-p"]:
        return None
    answer = recorded(folder, ["ps", "-axww", "-o", "pid,ppid,command"])
    if not answer:
        return None
    titles = [line.split(None, 2)[2] for line in answer[0] if line.split(None, 1)[:1] == [os.fsencode(words[-1])]]
    return [b"COMMAND", *titles], answer[1], 0 if titles else 1


def file_content(folder: str, words: list[str]) -> "bytes | None":
    """The recorded file behind `cat PATH`."""
    if words[:1] != ["cat"] or len(words) != 2:
        return None
    path, node = os.path.normpath(words[1]).lstrip("/"), os.path.basename(folder)
    near = places(folder)
    trees = [os.path.join(place, "files") for place in near]
    trees += [os.path.join(os.path.dirname(place), "files", node) for place in near[:-1:2]]
    for tree in [*trees, os.path.join(folder, "..", "..", "files", node)]:
        if os.path.isfile(os.path.join(tree, path)):
            return read(os.path.join(tree, path))
    return None


def read(path: str) -> bytes:
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def answered(folder: str, line: str) -> "tuple[bytes, bytes, int]":
    """What a command line prints on standard output and on standard error, and its exit status."""
    words = split(line)
    if words[:2] == ["hastwatch-ask", "--setup"]:
        words = words[:2]
    if words[:1] == ["service"] and words[2:] == ["onestatus"]:
        words[2] = "status"
    answer = recorded(folder, words)
    if not answer and words in (["hostname"], ["hostname", "-s"]):
        answer = [os.fsencode(os.path.basename(folder))], [], 0
    for derived in (hast_section, log_lines, sysctl_values, processes, title):
        answer = answer or derived(folder, words)
    if not answer:
        content = file_content(folder, words)
        if content is not None:
            return content, b"", 0
        if words[:1] == ["cat"] and words[-1].startswith(("/var/db/hastwatch/", "/var/run/hastwatch/")):
            answer = [], [os.fsencode(f"cat: {words[-1]}: No such file or directory")], 1
        else:
            answer = [], [os.fsencode(f"sh: {words[0] if words else line}: not found")], 127
    output, errors, status = answer
    return b"".join(text + b"\n" for text in output), b"".join(text + b"\n" for text in errors), status


def say(descriptor: int, text: bytes) -> None:
    """Write all of `text`."""
    while text:
        text = text[os.write(descriptor, text) :]


def main(folder: str, line: str) -> int:
    """Print the answer to a command line; its exit status."""
    output, errors, status = answered(folder, line)
    say(1, output)
    say(2, errors)
    if status == HANGS:
        import time

        time.sleep(60)
    return status


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[-1]))
