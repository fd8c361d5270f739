"""rc.conf(5) by a shell and without one: the same values, and nothing that is guessed."""

import os
import subprocess
from pathlib import Path

import pytest

from checks.probes import rc_conf
from checks.probes.errors import NotFound, NotPermitted, ToolMissing
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.process import CompletedCommand
from checks.probes.rc_conf import NotKnown, RcConf
from checks.probes.state_cache import Memory

ASKED = {"mountd": ("mountd_flags", "zfs_enable", "mountd_nice"), "nfsd": ("nfs_server_flags", "mountd_flags")}
RC_SUBR = r"""
checkyesno() { eval _v=\$$1; case $_v in [Yy][Ee][Ss]|[Tt][Rr][Uu][Ee]|[Oo][Nn]|1) return 0;; esac; return 1; }
load_rc_config() {
    if [ -z "$loaded" ]; then
        loaded=1
        . ROOT/etc/defaults/rc.conf
        seen=
        for round in 1 2; do for file in $rc_conf_files; do
            case $seen in *:$file:*) continue;; esac
            seen="$seen:$file:"
            [ -r "$file" ] && . "$file"
        done; done
    fi
    for directory in ROOT/etc $local_startup; do
        directory=${directory%/rc.d}/rc.conf.d
        if [ -f "$directory/$1" ]; then . "$directory/$1"
        elif [ -d "$directory/$1" ]; then
            for file in "$directory/$1"/*; do [ -f "$file" ] && . "$file"; done
        fi
    done
}
"""
"""What rc.subr(8) and /etc/defaults/rc.conf do with the files, in words of our own; the real one is FreeBSD's."""


HELD_TO_MODES = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Before a command: root may read no more than the modes of files let it."""


class Root(Node):
    """A machine whose files lie in a directory. `shell`: it has an sh that knows rc.subr(8)."""

    def __init__(self, directory: Path, shell: bool) -> None:
        super().__init__((), Deadline(20), GivenUpCommands(Memory(str(directory))))
        self.root, self.shell = directory, shell
        self.ran: list[str] = []
        defaults = "".join(f'{name}="{value}"\n' for name, value in rc_conf.DEFAULTS.items())
        self.write("/etc/defaults/rc.conf", defaults.replace("/etc/", f"{directory}/etc/"))
        self.write("/etc/defaults/rc.conf", f'local_startup="{directory}/usr/local/etc/rc.d"\n', "a")
        self.write("/etc/rc.subr", RC_SUBR.replace("ROOT", str(directory)))
        self.write("/etc/rc.d/mountd", "load_rc_config $name\n")
        self.write("/etc/rc.d/nfsd", "load_rc_config $name\n")

    def write(self, path: str, text: str, mode: str = "w") -> None:
        """Make a file."""
        real = self.root / path[1:]
        real.parent.mkdir(parents=True, exist_ok=True)
        with open(real, mode, encoding="utf-8") as file:
            file.write(text.replace("ROOT", str(self.root)) if path != "/etc/rc.subr" else text)

    def read_without_process(self, path: str) -> str:
        """The text of a file. Raises NotFound."""
        real = self.root / path.removeprefix(str(self.root)).lstrip("/")
        if not real.is_file():
            raise NotFound(f"{path}: no such file")
        return real.read_text()

    def run(self, tool: str, *arguments: str) -> CompletedCommand:
        """sh, cat and ls."""
        self.ran.append(tool)
        if tool == "sh" and not self.shell:
            raise ToolMissing("sh: not found")
        words = [tool, *arguments]
        if tool == "sh":
            words[2] = words[2].replace("/etc", f"{self.root}/etc")
        else:
            words = [
                tool,
                *(f"{self.root}{each}" if not each.startswith(str(self.root)) else each for each in arguments),
            ]
        done = subprocess.run(
            [*HELD_TO_MODES, *words], capture_output=True, check=False, env={"PATH": os.defpath}, timeout=20
        )
        return CompletedCommand(tuple(words), done.returncode, done.stdout.decode(), done.stderr.decode(), 0)


def both(directory: Path, files: dict[str, str]) -> tuple[RcConf, RcConf]:
    """What the shell answers, and what the reader does."""
    values = []
    for shell in (True, False):
        node = Root(directory / str(shell), shell)
        for path, text in files.items():
            node.write(path, text)
        values.append(rc_conf.read(node, ASKED))
    return values[0], values[1]


@pytest.mark.parametrize(
    ("files", "flags", "of_nfsd"),
    [
        ({"/etc/rc.conf": ""}, "-r -S", "-r -S"),
        ({"/etc/rc.conf": "zfs_enable=NO; mountd_flags='-r' # last\n"}, "-r", "-r"),
        ({"/etc/rc.conf": 'mountd_flags="$mountd_flags -n"'}, "-r -S -n", "-r -S -n"),
        ({"/etc/rc.conf": "mountd_flags=-r", "/etc/rc.conf.local": "mountd_flags=-l"}, "-l", "-l"),
        ({"/etc/rc.conf": "mountd_flags=-r", "/etc/rc.conf.d/mountd": "mountd_flags=-n"}, "-n", "-r"),
        (
            {
                "/etc/rc.conf.d/mountd/10-a": "mountd_flags=-n",
                "/etc/rc.conf.d/mountd/20-b": 'mountd_flags="$mountd_flags -l"',
            },
            "-n -l",
            "-r -S",
        ),
        ({"/etc/rc.conf": "if checkyesno zfs_enable; then mountd_flags=-n; fi\nzfs_enable=ON"}, "-r -S", "-r -S"),
        ({"/etc/rc.conf": 'case ${zfs_enable} in [Nn]*) mountd_flags="-l";; esac'}, "-l", "-l"),
    ],
)
def test_a_value_is_what_rc_has_with_a_shell_and_without(
    files: dict[str, str], flags: str, of_nfsd: str, tmp_path: Path
) -> None:
    by_shell, by_reader = both(tmp_path, files)
    assert by_shell.get("mountd", "mountd_flags") == flags and by_shell.get("nfsd", "mountd_flags") == of_nfsd
    assert by_reader == by_shell


def test_the_directories_of_packages_count(tmp_path: Path) -> None:
    node = Root(tmp_path, True)
    node.write("/usr/local/etc/rc.conf.d/mountd", "mountd_flags=-l")
    assert rc_conf.read(node, ASKED).get("mountd", "mountd_flags") == "-l"


def test_what_else_a_script_reads_counts_for_it(tmp_path: Path) -> None:
    """rc.d/mountd of FreeBSD 15 reads the configuration of nfsd and zfs."""
    node = Root(tmp_path, True)
    node.write("/etc/rc.conf.d/zfs", "zfs_enable=YES")
    assert not rc_conf.read(node, ASKED).says_yes("mountd", "zfs_enable")
    node.write("/etc/rc.d/mountd", "load_rc_config $name\nload_rc_config nfsd\nload_rc_config zfs\n")
    assert rc_conf.read(node, ASKED).says_yes("mountd", "zfs_enable")


def test_only_the_shell_knows_what_a_command_prints(tmp_path: Path) -> None:
    by_shell, by_reader = both(tmp_path, {"/etc/rc.conf": "mountd_flags=$(echo -l)\n"})
    assert by_shell.get("mountd", "mountd_flags") == "-l"
    with pytest.raises(NotKnown, match="only a shell can tell, and sh: not found"):
        by_reader.get("mountd", "mountd_flags")
    assert by_reader.get("nfsd", "nfs_server_flags") == "-u -t"


@pytest.mark.parametrize("text", ["exit 0\n", "mountd_flags='-r\n", "if\n", ". /no/such/file\n"])
def test_a_shell_that_does_not_get_to_its_end_has_said_nothing(text: str, tmp_path: Path) -> None:
    for conf in both(tmp_path, {"/etc/rc.conf": f"mountd_flags=-l\n{text}"}):
        with pytest.raises(NotKnown):
            conf.get("mountd", "mountd_flags")


def test_a_file_that_may_not_be_read_is_not_passed_over(tmp_path: Path) -> None:
    node = Root(tmp_path, True)
    node.write("/etc/rc.conf", "mountd_flags=-l")
    (tmp_path / "etc/rc.conf").chmod(0)
    with pytest.raises(NotKnown):
        rc_conf.read(node, ASKED).get("mountd", "mountd_flags")


def test_nothing_in_a_value_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    text = f"mountd_flags='$(touch {mark}); touch {mark} `touch {mark}`'\n"
    by_shell, by_reader = both(tmp_path, {"/etc/rc.conf": text})
    assert by_shell.get("mountd", "mountd_flags").startswith("$(touch") and not mark.exists()
    for conf in (by_shell, by_reader):
        with pytest.raises(NotKnown, match="which a shell has to expand"):
            conf.words("mountd", "mountd_flags")


def test_flags_are_split_as_a_shell_splits_them(tmp_path: Path) -> None:
    by_shell, _ = both(tmp_path, {"/etc/rc.conf": "mountd_flags=\"-r -h '10.1.101.5'  /etc/exports\\ x\"\n"})
    assert by_shell.words("mountd", "mountd_flags") == ("-r", "-h", "10.1.101.5", "/etc/exports x")


def test_a_value_may_have_several_lines(tmp_path: Path) -> None:
    by_shell, by_reader = both(tmp_path, {"/etc/rc.conf": "mountd_nice='a\nb'\n"})
    assert by_shell.get("mountd", "mountd_nice") == by_reader.get("mountd", "mountd_nice") == "a\nb"


def test_a_way_that_lets_nothing_through_leaves_everything_unknown(tmp_path: Path) -> None:
    class Shut(Node):
        def run(self, tool: str, *arguments: str) -> CompletedCommand:
            raise NotPermitted(f"{tool}: refused")

    conf = rc_conf.read(Shut((), Deadline(20), GivenUpCommands(Memory(str(tmp_path)))), ASKED)
    with pytest.raises(NotKnown, match="refused"):
        conf.get("mountd", "mountd_flags")


def test_no_process_is_started_where_files_are_read_without_one_and_say_enough(tmp_path: Path) -> None:
    node = Root(tmp_path, False)
    node.reads = lambda path: node.read_without_process(path)
    node.write("/etc/rc.conf", "mountd_flags=$mountd_flags\n")
    assert rc_conf.read(node, ASKED).get("mountd", "mountd_flags") == "-r -S"
    assert node.ran == []


def test_a_shell_is_asked_where_the_files_do_not_say_enough(tmp_path: Path) -> None:
    node = Root(tmp_path, True)
    node.reads = lambda path: node.read_without_process(path)
    node.write("/etc/rc.conf", "mountd_flags=$(echo -l)\n")
    assert rc_conf.read(node, ASKED).get("mountd", "mountd_flags") == "-l"
    assert node.ran == ["sh"]
