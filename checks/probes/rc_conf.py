"""What rc(8) would have of rc.conf(5): the variables of a service, worked out by the node's own sh(1).

rc.conf is a program, and so are the files that it names, those of /etc/rc.conf.d and those of the packages. The node's
sh reads them as every script of rc.d does, by load_rc_config() of /etc/rc.subr, and prints what was asked for: one call
for all of it. It runs what `service NAME status` runs before it looks: nothing else, and nothing that is in a value.

Where no sh answers (a recording, a gate that does not let it through), and first of all where reading costs no process
(`Node.reads`), the files are read by `sh_values`, which never guesses. What is not known is said, and asking for it
raises NotKnown.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from checks.probes.errors import CommandFailed, NotFound, ProbeError, Unreachable
from checks.probes.node import Node
from checks.probes.sh_syntax import Unreadable
from checks.probes.sh_values import Shell, says_yes

Asked = Mapping[str, tuple[str, ...]]
"""Scripts of rc.d, and the variables that are asked for as each of them has it."""

SCRIPT = re.sub(
    r"\s*\n\s*",
    " ",
    """
    exec 3>&1 >/dev/null 2>&1 </dev/null; cd /; . /etc/rc.subr || exit 1;
    for hastwatch_asked; do (
    name=${hastwatch_asked%%=*}; load_rc_config "$name";
    for hastwatch_one in $rc_conf_files; do
    if [ -e "$hastwatch_one" ] && ! [ -r "$hastwatch_one" ]; then exit 1; fi; done;
    for hastwatch_one in /etc $local_startup; do hastwatch_one=${hastwatch_one%/rc.d}/rc.conf.d;
    if [ -d "$hastwatch_one" ]; then [ -r "$hastwatch_one" ] && [ -x "$hastwatch_one" ] || exit 1; fi; done;
    while read -r hastwatch_word hastwatch_more hastwatch_rest; do case $hastwatch_word.$hastwatch_more in
    load_rc_config.[a-z]*) load_rc_config "$hastwatch_more";; esac; done < "/etc/rc.d/$name";
    hastwatch_left=${hastwatch_asked#*=},;
    while [ -n "$hastwatch_left" ]; do
    hastwatch_one=${hastwatch_left%%,*}; hastwatch_left=${hastwatch_left#*,};
    if eval "[ -n \\"\\${$hastwatch_one+set}\\" ]";
    then eval "printf \\"%s\\\\\\\\000\\" \\"$hastwatch_asked $hastwatch_one=\\$$hastwatch_one\\" >&3"; fi;
    done; printf "%s\\\\000" "$hastwatch_asked" >&3 ) done
    """.strip(),
)
"""For sh -c, with NAME=VARIABLE,... for each script. A service's own configuration is read in a shell of its own, and
whatever else its script reads (rc.d/mountd of FreeBSD 15: nfsd and zfs). What is printed ends with NUL; the question
itself follows at the end. What this user may not read is passed over by rc.subr(8); here it ends the shell."""

DEFAULTS = {
    "rc_conf_files": "/etc/rc.conf /etc/rc.conf.local",
    "mountd_enable": "NO",
    "mountd_flags": "-r -S",
    "nfs_server_enable": "NO",
    "nfs_server_flags": "-u -t",
    "nfs_server_managegids": "NO",
    "nfs_server_maxio": "131072",
    "nfsv4_server_enable": "NO",
    "nfsv4_server_only": "NO",
    "rpc_lockd_flags": "",
    "rpc_statd_flags": "",
    "rpcbind_flags": "",
    "rpcbind_program": "/usr/sbin/rpcbind",
    "weak_mountd_authentication": "NO",
    "zfs_enable": "NO",
}
"""What they are in /etc/defaults/rc.conf of FreeBSD 13.2 and 15.1, for the reader that stands in."""
DIRECTORIES = ("/etc/rc.conf.d", "/usr/local/etc/rc.conf.d")
"""rc.subr(8), load_rc_config(): of `/etc ${local_startup}`, which is the sysctl user.localbase and /etc/rc.d."""
DEFAULTS_FILE, VENDOR_FILE = "/etc/defaults/rc.conf", "/etc/defaults/vendor.conf"
WHY = "rc.conf"


class NotKnown(ProbeError):
    """The value cannot be worked out; the text says why."""

    reason = "output-not-understood"


class RcConf(NamedTuple):
    """Variables by script and name. `unknown` says of a script, or a script and a variable, why it is not known."""

    values: Mapping[tuple[str, str], str]
    unknown: Mapping[tuple[str, str], str]

    def get(self, script: str, name: str) -> str:
        """The value, empty where the variable is unset. Raises NotKnown."""
        why = self.unknown.get((script, "")) or self.unknown.get((script, name))
        if why:
            raise NotKnown(f"{name} of {WHY} is not known: {why}")
        return self.values.get((script, name), "")

    def says_yes(self, script: str, name: str) -> bool:
        """checkyesno() of rc.subr(8). Raises NotKnown."""
        return says_yes(self.get(script, name))

    def words(self, script: str, name: str) -> tuple[str, ...]:
        """The value as arguments: rc.subr(8) hands the command line to the shell once more (`_run_rc_doit`). Raises
        NotKnown where that would do more than take quotes away."""
        value = self.get(script, name).replace("\\\n", "")
        if re.search(r"[$`;&|<>()*?\[~#\n]", value):
            raise NotKnown(f"{name} of {WHY} is {value!r}, which a shell has to expand")
        try:
            return tuple(shlex.split(value))
        except ValueError:
            raise NotKnown(f"{name} of {WHY} is {value!r}: a quotation does not end") from None


def read(node: Node, asked: Asked) -> RcConf:
    """The variables of the services. On a node whose files are read without a process the reader comes first, as it is
    never wrong, and sh is asked where that leaves something unknown; elsewhere sh comes first. Raises Unreachable, and
    nothing else: what is not known is said when it is asked for."""
    files = _Files(node)
    if node.reads is not None:
        values = read_files(asked, files, "sh was not asked")
        if not values.unknown:
            return values
    try:
        done = node.run("sh", "-c", SCRIPT, "sh", *arguments(asked))
    except Unreachable:
        raise
    except ProbeError as error:
        return read_files(asked, files, str(error))
    values = answer(done.stdout, asked)
    return values if not values.unknown else read_files(asked, files, f"sh exits with {done.status}")


def arguments(asked: Asked) -> tuple[str, ...]:
    """How SCRIPT is asked."""
    return tuple(f"{script}={','.join(names)}" for script, names in asked.items())


def answer(text: str, asked: Asked) -> RcConf:
    """What SCRIPT has printed."""
    records = text.split("\0")[:-1]
    values: dict[tuple[str, str], str] = {}
    unknown = {}
    for (script, names), word in zip(asked.items(), arguments(asked), strict=True):
        if word not in records:
            unknown[script, ""] = "the shell has not come to its end"
            continue
        for record in records:
            name, is_one, value = record.removeprefix(f"{word} ").partition("=")
            if record.startswith(f"{word} ") and is_one and name in names:
                values[script, name] = value
    return RcConf(values, unknown)


def read_files(asked: Asked, files: Files, why: str) -> RcConf:
    """The same without a shell; `why` it has not answered is said of what is unknown."""
    values: dict[tuple[str, str], str] = {}
    unknown = {}
    for script, names in asked.items():
        shell = shell_of(script, files)
        for name in names:
            if not shell.known(name) and not (name not in shell.values and not shell.lost and _is_ours(name)):
                unknown[script, name] = shell.lost or f"only a shell can tell, and {why}"
            elif (value := shell.get(name)) is not None:
                values[script, name] = value
    return RcConf(values, unknown)


def shell_of(script: str, files: Files, complete: bool = False) -> Shell:
    """The variables as a script of rc.d has them, without a shell; those of all scripts where none is named.
    `complete`: neither /etc/defaults/rc.conf, where that cannot be read, nor the environment sets others than
    DEFAULTS."""
    shell = Shell(DEFAULTS, files.read, complete)
    try:
        _take_defaults(shell, files)
        for path in _rc_conf_files(shell):
            shell.source(path)
        for name in (script, *_loaded_too(script, files)) if script else ():
            for path in _of_service(name, files):
                shell.source(path)
    except Unreadable as error:
        shell.lost = shell.lost or str(error)
    return shell


def _take_defaults(shell: Shell, files: Files) -> None:
    """/etc/defaults/rc.conf: its plain assignments; what else it assigns is not known. Where the
    file cannot be read DEFAULTS stand for it. Raises Unreadable."""
    try:
        text = files.read(DEFAULTS_FILE)
    except Unreadable:
        text = None
    if text is None:
        return
    shell.complete = True
    plain = dict(re.findall(r'(?m)^([A-Za-z_]\w*)="([^"$`\\\n]*)"', text))
    for name in re.findall(r"(?m)^([A-Za-z_]\w*)=", text):
        shell.values[name] = plain.get(name)
    shell.source(VENDOR_FILE)


class Files:
    """Where the reader finds files."""

    def read(self, path: str) -> str | None:
        """The text of a file, None where there is none. Raises Unreadable."""
        raise NotImplementedError

    def names(self, path: str) -> list[str] | None:
        """The names in a directory, in the order of the C locale; None where it is none. Raises Unreadable."""
        raise NotImplementedError


class _Files(Files):
    """Those of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._known: dict[str, str | None] = {}

    def read(self, path: str) -> str | None:
        if path not in self._known:
            try:
                self._known[path] = self._node.read(path)
            except NotFound:
                self._known[path] = None
            except ProbeError as error:
                raise Unreadable(str(error)) from None
        return self._known[path]

    def names(self, path: str) -> list[str] | None:
        try:
            self._node.read(path)
        except NotFound:
            return None
        except CommandFailed as error:
            if "s a directory" not in str(error):
                raise Unreadable(str(error)) from None
        except ProbeError as error:
            raise Unreadable(str(error)) from None
        else:
            return None
        try:
            return sorted(self._node.run("ls", path).stdout.splitlines())
        except ProbeError as error:
            raise Unreadable(str(error)) from None


def _rc_conf_files(shell: Shell) -> Iterable[str]:
    """source_rc_confs() of /etc/defaults/rc.conf: the files once, and once more what they have made of the list. Raises
    Unreadable."""
    done: set[str] = set()
    for _ in range(2):
        for path in (shell.get("rc_conf_files") or "").split():
            if path not in done:
                done.add(path)
                yield path
        if not shell.lost and not shell.known("rc_conf_files"):
            raise Unreadable("the files that rc_conf_files names are not known")


def _of_service(script: str, files: Files) -> Iterable[str]:
    """The files of one service, or those in the directory named like it (rc.subr(8), load_rc_config()). Raises
    Unreadable."""
    for directory in DIRECTORIES:
        path = posixpath.join(directory, script)
        names = files.names(path)
        if names is None:
            yield path
        else:
            yield from (posixpath.join(path, name) for name in names if not name.startswith("."))


def _loaded_too(script: str, files: Files) -> Iterable[str]:
    """Whose configuration a script reads besides its own, as SCRIPT does it. Raises Unreadable."""
    return re.findall(r"(?m)^[ \t]*load_rc_config[ \t]+([a-z]\w*)", files.read(f"/etc/rc.d/{script}") or "")


def _is_ours(name: str) -> bool:
    """Variables of rc.subr(8) that nothing sets by default and no environment has: NAME_nice and the like."""
    return name.partition("_")[0] in {"rpcbind", "statd", "lockd", "mountd", "nfsd"} or name == "nfs_server_vhost"
