"""hostname, uname, sleep, true, logger, sysrc, xargs, shutdown, and the shell's own words."""

from __future__ import annotations

import getopt
import posixpath
import re
import shlex
from dataclasses import replace

from simulator.clock import Completion, Coroutine, Steps, finished
from simulator.host.log import MESSAGES
from simulator.rc import rcorder as rcorder  # registers the command
from simulator.rc.variables import rc_variable
from simulator.shell.calls import COMMANDS, SCRIPTS, Call, command
from simulator.shell.shell import execute, run_words


@command("true", ":", "exec", "nice", "export", "umask")
def true(call: Call) -> Steps[int]:
    """true(1); exec and nice run what follows."""
    words = call.argv[1:]
    if call.argv[0] in ("exec", "nice") and words:
        return (yield from run_words(call.environment, words))
    return 0


@command("false")
def false(call: Call) -> int:
    """false(1)"""
    return 1


@command("exit")
def leave(call: Call) -> int:
    """The exit status; what follows on the line is not skipped, which no recording needs."""
    return int(call.argv[1]) if len(call.argv) > 1 else call.environment.status


@command("dmesg")
def dmesg(call: Call) -> int:
    """dmesg(8) without options: what the kernel has said since the boot, without the time of syslogd."""
    call.out("".join(f"{line}\n" for line in call.node.syslogd.buffer))
    return 0


@command("sleep")
def sleep(call: Call) -> Steps[int]:
    """sleep(1), in simulated seconds."""
    yield float(call.argv[1])
    return 0


@command("hostname")
def hostname(call: Call) -> int:
    """hostname(1) -s."""
    name = call.node.kernel.values["kern.hostname"]
    call.out(f"{name.split('.')[0] if '-s' in call.argv else name}\n")
    return 0


@command("uname")
def uname(call: Call) -> int:
    """uname(1) -a, -r, -s, -n, -m, and -K and -U for kern.osreldate of the kernel and of the programs."""
    release = call.node.kernel.values["kern.osrelease"]
    values = {"s": "FreeBSD", "n": call.node.name, "r": release, "m": "amd64"}
    values |= {"K": call.node.kernel.values["kern.osreldate"], "U": str(call.node.installed.osreldate)}
    option = call.argv[1].lstrip("-") if len(call.argv) > 1 else "s"
    if option == "a":
        call.out(f"FreeBSD {call.node.name} {release} FreeBSD {release} LAB amd64\n")
    else:
        call.out(" ".join(values[letter] for letter in "snrmKU" if letter in option) + "\n")
    return 0


@command("freebsd-version")
def freebsd_version(call: Call) -> int:
    """freebsd-version(1): -k and -u what is installed, -r what runs; -u without an option."""
    installed, running = call.node.installed.osrelease, call.node.kernel.values["kern.osrelease"]
    wanted = "".join(call.argv[1:]).replace("-", "") or "u"
    call.out("".join(f"{running if letter == 'r' else installed}\n" for letter in "kru" if letter in wanted))
    return 0


@command("id", "whoami")
def who(call: Call) -> int:
    """id(1) -u, whoami(1)."""
    numeric = call.argv[0].endswith("id")
    call.out(f"{(0 if call.user == 'root' else 65534) if numeric else call.user}\n")
    return 0


@command("logger")
def logger(call: Call) -> int:
    """logger(1) -t TAG -p PRIORITY MESSAGE: to messages, whatever the priority."""
    words, tag = call.argv[1:], call.user
    while len(words) > 1 and words[0] in ("-t", "-p", "-i"):
        option = words.pop(0)
        if option == "-t":
            tag = words.pop(0)
        elif option == "-p":
            words.pop(0)
    call.node.syslog(MESSAGES, f"{tag}: {' '.join(words)}")
    return 0


@command("su", "sudo", "doas", "env", "nohup")
def as_somebody(call: Call) -> Steps[int]:
    """su -m USER -c COMMAND; sudo, doas, env and nohup run what follows as it is."""
    words, user = call.argv[1:], call.user
    if call.argv[0].endswith("su"):
        line = words[words.index("-c") + 1]
        user = next((word for word in words if not word.startswith("-") and word != line), "root")
        return (yield from execute(replace(call.environment, user=user), line))
    given: dict[str, str] = {}
    while words and (words[0].startswith("-") or "=" in words[0]):
        name, _, value = words.pop(0).partition("=")
        given[name] = value
    if not words:
        return 0
    variables = {**call.environment.variables, **given}
    return (yield from run_words(replace(call.environment, variables=variables), words))


@command("sh")
def sh(call: Call) -> Steps[int]:
    """sh(1) -c LINE, or a script answered as a whole (`shell.SCRIPTS`); a file that is not there (bin/sh/input.c
    setinputfile())."""
    if "-c" not in call.argv:
        files = [word for word in call.argv[1:2] if not word.startswith("-")]
        if files and (program := call.node.programs.get(files[0])):
            return int((yield program.start(call.node, call.argv[1:])) or 0)
        if files and not call.node.files.exists(files[0]):
            call.err(f"sh: cannot open {files[0]}: No such file or directory\n")
            return 127
        return 0
    if call.argv[2] in SCRIPTS:
        return SCRIPTS[call.argv[2]](call)
    return (yield from execute(call.environment, call.argv[call.argv.index("-c") + 1]))


@command("xargs")
def xargs(call: Call) -> Steps[int]:
    """xargs(1) without options: once, with all words of standard input, whose quotes go."""
    return (yield from run_words(replace(call.environment, stdin=""), [*call.argv[1:], *shlex.split(call.stdin)]))


@command("timeout")
def timeout(call: Call) -> Steps[int]:
    """timeout(1): 124 when it had to end the command."""
    seconds, words = float(call.argv[1]), call.argv[2:]
    process: Coroutine[int] = call.node.clock.start(run_words(call.environment, words))
    waited = 0.0
    while not process.done and waited < seconds:
        step = min(0.25, seconds - waited)
        yield step
        waited += step
    if not process.done:
        process.kill()
        return 124
    return int(process.value or 0)


@command("command", "which", "type")
def which(call: Call) -> int:
    """command -v, which(1)"""
    name = call.argv[-1]
    if name in COMMANDS or name in call.node.programs:
        call.out(f"{name if name.startswith('/') else '/sbin/' + name}\n")
        return 0
    return 1


@command("test", "[")
def test(call: Call) -> int:
    """test(1) with -e, -f, -d, -c, -S, -n, -z, =, !=."""
    words = [word for word in call.argv[1:] if word != "]"]
    if len(words) == 2 and words[0] in ("-n", "-z"):
        return 0 if bool(words[1]) is (words[0] == "-n") else 1
    if len(words) == 2:
        option, path = words
        files = call.node.files
        if option == "-d":
            return 0 if call.node.is_directory(path) else 1
        kind = files.find(path).kind if files.exists(path) else ""
        kinds = {"-f": "-", "-c": "c", "-S": "s", "-e": "-dcs", "-r": "-dcs", "-x": "-dcs"}
        return 0 if kind and kind in kinds.get(option, "") else 1
    if len(words) == 3 and words[1] in ("=", "!="):
        return 0 if (words[0] == words[2]) is (words[1] == "=") else 1
    return 1


@command("sysrc")
def sysrc(call: Call) -> int:
    """sysrc(8) NAME, -n NAME, -x NAME and NAME=VALUE; -f FILE, which is made where it is missing."""
    given, words = getopt.getopt(call.argv[1:], "nxf:")
    options, status = dict(given), 0
    bare, path = "-n" in options, options.get("-f", "/etc/rc.conf")
    for word in words:
        name, assignment, value = word.partition("=")
        known = _of_file(call, path, name) if "-f" in options else rc_variable(call.node, "", name)
        if "-x" in options and known is not None:
            _write_variable(call, path, name, "")
        elif assignment and "-x" not in options:
            _write_variable(call, path, name, f'{name}="{value}"\n')
            call.out(f"{name}: {known or ''} -> {value}\n")
        elif known is not None:
            call.out(f"{known}\n" if bare else f"{name}: {known}\n")
        else:
            call.err(f"sysrc: unknown variable '{name}'\n")
            status = 1
    return status


def _of_file(call: Call, path: str, name: str) -> str | None:
    """The variable as one file has it."""
    text = call.node.files.read(path) if call.node.files.exists(path) else ""
    values = re.findall(rf'(?m)^{re.escape(name)}="?([^"\n]*)', text)
    return values[-1] if values else None


def _write_variable(call: Call, path: str, name: str, line: str) -> None:
    """Have a file set a variable by this line at its end, or not at all."""
    old = call.node.files.read(path) if call.node.files.exists(path) else ""
    rest = "".join(each for each in old.splitlines(keepends=True) if not each.startswith(f"{name}="))
    call.node.files.write(path, rest + line, call.node.now)


@command("shutdown", "poweroff", "reboot", "halt")
def shutdown(call: Call) -> int:
    """shutdown(8) -p, -h, -r now and poweroff go through rc.shutdown; reboot(8) and halt end the node at once."""
    node, name = call.node, posixpath.basename(call.argv[0])
    again = "-r" in call.argv or name == "reboot"

    def end() -> None:
        down: Completion[None] = finished(None)
        if name in ("reboot", "halt"):
            node.power_off()
        else:
            down = node.shut_down()
        down.then(come_back)

    def come_back() -> None:
        if again:
            node.power_on()

    node.clock.after(0.1, end)
    return 0
