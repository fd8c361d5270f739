"""Files and text: cat, tail, head, grep, stat, wc, touch, mktemp, cp, mv, rm, mkdir, rmdir, echo, printf."""

from __future__ import annotations

import getopt
import posixpath
import re
import string
import time

from simulator.clock import Steps
from simulator.commands.listing import single
from simulator.host.files import File
from simulator.shell.calls import Call, command


@command("cat")
def cat(call: Call) -> int:
    """cat(1)"""
    if not call.argv[1:]:
        call.out(call.stdin)
    return _concatenate(call, call.argv[1:], "cat")


def _concatenate(call: Call, paths: list[str], name: str) -> int:
    status = 0
    for path in paths:
        try:
            call.out(call.node.read_file(path))
        except OSError as error:
            call.err(f"{name}: {path}: {error.strerror}\n")
            status = 1
    return status


def _count(words: list[str], default: int) -> tuple[int, list[str]]:
    """-N, -n N or -nN, and the other words."""
    rest, number = [], default
    while words:
        word = words.pop(0)
        if word == "-n" and words:
            number = int(words.pop(0))
        elif match := re.fullmatch(r"-n?(\d+)", word):
            number = int(match.group(1))
        else:
            rest.append(word)
    return number, rest


@command("tail", "head")
def tail(call: Call) -> int:
    """tail(1), head(1): the last or first N lines."""
    number, paths = _count(call.argv[1:], 10)
    first, status = call.argv[0].endswith("head"), 0
    for path in paths or [""]:
        try:
            text = call.node.read_file(path) if path else call.stdin
        except OSError as error:
            call.err(f"{'head' if first else 'tail'}: {path}: {error.strerror}\n")
            status = 1
            continue
        lines = text.splitlines(keepends=True)
        call.out("".join(lines[:number] if first else lines[-number:] if number else []))
    return status


@command("grep", "egrep", "fgrep")
def grep(call: Call) -> int:
    """grep(1) with -E, -F, -x, -i, -v, -c, -h, -q, -n, -s, -r, and -f with a file of one line."""
    words, options = call.argv[1:], ""
    while words and words[0].startswith("-") and words[0] != "-e":
        options += words.pop(0)[1:]
    if words and words[0] == "-e":
        words.pop(0)
    pattern, paths = words[0], words[1:]
    if "f" in options:
        pattern = call.node.read_file(pattern).rstrip("\n")
    if "F" in options:
        pattern = re.escape(pattern)
    elif "E" not in options and not call.argv[0].endswith("egrep"):
        pattern = re.sub(r"(?<!\\)([+?|(){}])", r"\\\1", pattern)
    expression = re.compile(pattern.replace("[[:space:]]", r"\s"), re.I if "i" in options else 0)
    found = expression.fullmatch if "x" in options else expression.search
    matches, status = 0, 1
    if "r" in options:
        paths = [below for path in paths for below in call.node.files.below(path)]
    for path in paths or [""]:
        try:
            text = call.node.read_file(path) if path else call.stdin
        except OSError as error:
            call.err("" if "s" in options else f"grep: {path}: {error.strerror}\n")
            status = 2
            continue
        prefix = f"{path}:" if ("r" in options or len(paths) > 1) and "h" not in options else ""
        for number, line in enumerate(text.splitlines(), 1):
            if bool(found(line)) is not ("v" in options):
                matches += 1
                if not {"q", "c"} & set(options):
                    call.out(f"{prefix}{f'{number}:' if 'n' in options else ''}{line}\n")
    if "c" in options:
        call.out(f"{matches}\n")
    return 0 if matches else status


@command("stat")
def stat(call: Call) -> int:
    """stat(1) -f FORMAT with %z size, %m mtime, %N name, %Sp mode, %HT kind; the plain form is short."""
    words = call.argv[1:]
    pattern = words[words.index("-f") + 1] if "-f" in words else "%z %m %N"
    status = 0
    for path in [word for word in words if word not in ("-f", pattern) and not word.startswith("-")]:
        file = single(call, path)
        if file is None and call.node.is_directory(path):
            file = File(kind="d", mode="rwxr-xr-x")
        if file is None:
            call.err(f"stat: {path}: stat: No such file or directory\n")
            status = 1
            continue
        kinds = {"d": "Directory", "-": "Regular File", "c": "Character Device", "s": "Socket"}
        values = {"%HT": kinds[file.kind], "%Sp": file.kind + file.mode, "%Sf": "schg" if file.immutable else "-"}
        values |= {"%z": str(file.size), "%m": str(int(file.changed)), "%N": path, "%d": "103", "%Su": file.owner}
        text = pattern
        for key, value in values.items():
            text = text.replace(key, value)
        call.out(text + "\n")
    return status


@command("echo")
def echo(call: Call) -> int:
    """echo(1), -n."""
    words = call.argv[1:]
    bare = bool(words) and words[0] == "-n"
    call.out(" ".join(words[bare:]) + ("" if bare else "\n"))
    return 0


@command("printf")
def printf(call: Call) -> int:
    """printf(1) with %s and the usual escapes."""
    text, words = call.argv[1].replace("\\n", "\n").replace("\\t", "\t"), call.argv[2:]
    for word in words:
        text = text.replace("%s", word, 1)
    call.out(text)
    return 0


@command("wc")
def wc(call: Call) -> int:
    """wc(1) -l, -c."""
    paths = [word for word in call.argv[1:] if not word.startswith("-")]
    text = "".join(call.node.read_file(path) for path in paths) if paths else call.stdin
    number = len(text.encode()) if "-c" in call.argv else len(text.splitlines())
    call.out(f"{number:>8}{' ' + paths[0] if paths else ''}\n")
    return 0


@command("touch")
def touch(call: Call) -> Steps[int]:
    """touch(1)"""
    for path in call.argv[1:]:
        file = single(call, path)
        if file is not None:
            file.changed = call.node.now
            continue
        try:
            yield from call.node.write_file(path, "")
        except OSError as error:
            call.err(f"touch: {path}: {error.strerror}\n")
            return 1
    return 0


@command("mktemp")
def mktemp(call: Call) -> Steps[int]:
    """mktemp(1) of a template: an empty file with a name that nobody has."""
    template = call.argv[-1]
    stem = template.rstrip("X")
    path = stem + "".join(call.node.pair.random.choices(string.ascii_letters, k=len(template) - len(stem)))
    try:
        yield from call.node.write_file(path, "")
    except OSError as error:
        call.err(f"mktemp: mkstemp failed on {path}: {error.strerror}\n")
        return 1
    call.out(f"{path}\n")
    return 0


@command("cp", "mv")
def cp(call: Call) -> Steps[int]:
    """cp(1), mv(1) of one file; mv of a directory on the root file system."""
    name = posixpath.basename(call.argv[0])
    source, target = [word for word in call.argv[1:] if not word.startswith("-")]
    if name == "mv" and call.node.files.exists(source) and call.node.files.find(source).kind == "d":
        return _move_directory(call, source, target)
    if call.node.is_directory(target):
        target = posixpath.join(target, posixpath.basename(source))
    try:
        yield from call.node.write_file(target, call.node.read_file(source))
    except OSError as error:
        call.err(f"{name}: {source}: {error.strerror}\n")
        return 1
    if name == "mv":
        call.node.files.remove(source)
    return 0


def _move_directory(call: Call, source: str, target: str) -> int:
    """rename(2); into a directory that is there already."""
    files = call.node.files
    if files.exists(target):
        target = posixpath.join(target, posixpath.basename(source))
    if source in call.node.filesystems.mounts or files.find(source).immutable:
        busy = source in call.node.filesystems.mounts
        call.err(f"mv: rename {source} to {target}: {'Device busy' if busy else 'Operation not permitted'}\n")
        return 1
    for path in [source, *files.below(source)]:
        files.place(target + path[len(source) :], files.find(path))
    files.remove_all(source)
    return 0


@command("install")
def install(call: Call) -> Steps[int]:
    """install(1) -m MODE of one file, to a file or a directory; with -b what was there before is FILE.old."""
    options, (source, target) = getopt.getopt(call.argv[1:], "bcm:o:g:")
    if call.node.is_directory(target):
        target = posixpath.join(target, posixpath.basename(source))
    try:
        text = call.node.read_file(source)
    except OSError as error:
        call.err(f"install: {source}: {error.strerror}\n")
        return 71
    if "-b" in dict(options) and call.node.files.exists(target):
        call.node.files.place(f"{target}.old", call.node.files.find(target))
    call.node.files.remove(target)
    yield from call.node.write_file(target, text)
    call.node.files.change_mode(target, int(dict(options).get("-m", "755"), 8))
    return 0


@command("rm")
def rm(call: Call) -> int:
    """rm(1) -f -r -R"""
    status, files = 0, call.node.files
    given, paths = getopt.getopt(call.argv[1:], "firRv")
    for path in paths:
        mounted = call.node.filesystems.under(path)
        if mounted is None and files.exists(path) and files.find(path).kind == "d":
            if {"-r", "-R"} & dict(given).keys():
                files.remove_all(path)
            else:
                call.err(f"rm: {path}: is a directory\n")
                status = 1
            continue
        if mounted is not None and mounted[1] in mounted[0].files:
            try:
                mounted[0].remove(mounted[1])
            except OSError as error:
                call.err(f"rm: {path}: {error.strerror}\n")
                status = 1
        elif call.node.files.exists(path) and call.node.filesystems.under(path) is None:
            call.node.files.remove(path)
        elif "-f" not in call.argv:
            call.err(f"rm: {path}: No such file or directory\n")
            status = 1
    return status


@command("ln")
def ln(call: Call) -> int:
    """ln(1) on the root file system: another name for a file; with -f in the place of what is there. Of a symbolic link
    (-s) no command of a node tells the difference, but that its file has to be there."""
    options, (source, target) = getopt.getopt(call.argv[1:], "sfn")
    if ("-f", "") in options:
        call.node.files.remove(target)
    if not call.node.files.exists(source):
        call.err(f"ln: {source}: No such file or directory\n")
        return 1
    if call.node.files.exists(target):
        call.err(f"ln: {target}: File exists\n")
        return 1
    call.node.files.place(target, call.node.files.find(source))
    return 0


@command("mkdir")
def mkdir(call: Call) -> int:
    """mkdir(1) -p -m, on the root file system."""
    for path in getopt.getopt(call.argv[1:], "pvm:")[1]:
        call.node.files.make_directory(path, call.node.now)
    return 0


@command("rmdir")
def rmdir(call: Call) -> int:
    """rmdir(1), on the root file system."""
    node, status = call.node, 0
    for path in call.argv[1:]:
        wrong = "" if node.files.exists(path) else "No such file or directory"
        wrong = wrong or ("Device busy" if path in node.filesystems.mounts else "")
        wrong = wrong or ("Directory not empty" if node.files.names(path) else "")
        if wrong:
            call.err(f"rmdir: {path}: {wrong}\n")
            status = 1
        else:
            node.files.remove(path)
    return status


@command("date")
def date(call: Call) -> int:
    """date(1) with +FORMAT, -u, -j -f accepted only as far as +FORMAT goes."""
    pattern = next((word[1:] for word in call.argv[1:] if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    pattern = pattern.replace("%s", str(int(call.node.now)))
    call.out(time.strftime(pattern, time.gmtime(call.node.now)) + "\n")
    return 0
