"""Lay out an installation of hastwatch below a directory: the one list of what goes where, for every package.

    python3 contrib/packaging/stage.py --layout port --destdir /tmp/stage --python /usr/local/bin/python3.11

The sources are those that this file is in. Nothing but copies, links and bytecode is made, nothing outside of --destdir
is touched, and no network is needed: the dependencies (pyproject.toml) are up to the package, or the installer.

The code is in a directory of its own, HOME: `lib` has the packages, `bin` a wrapper for every command. A wrapper is a
script of /bin/sh that looks for a Python, first for the one that the installation was made for: so a new Python that
has replaced it, which comes without being asked, keeps no hook from starting. devd's hook and hastd's need nothing but
the standard library. What docs and programs name below /usr/local/hastwatch is there in every layout for FreeBSD, so
that sudoers, keys and the questions of the other node are the same however a node got its hastwatch.

Layouts:
  port     HOME is PREFIX/lib/hastwatch, PREFIX/hastwatch a link to it, links in sbin, bin and libexec/nagios
  release  all of it in HOME (--home), which contrib/freebsd/install makes PREFIX/hastwatch a link to
  debian   HOME is /usr/share/hastwatch, links in /usr/bin and /usr/lib/nagios/plugins; no hooks and nothing of rc(8)
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any, NamedTuple

SOURCES = Path(__file__).resolve().parents[2]
PACKAGES = ("checks", "hooks", "remediate", "simulator")
NEWEST = 15
"""The last 3.x among the classifiers of pyproject.toml."""
OLDEST = 11
HOOKS = ("carp-hast-switch", "hastwatch-hast-event")
"""What devd(8) and hastd(8) call: a monitoring host has no use for them."""
ANYBODYS = ("hastwatch-ask", "hastwatch-event-handler")
"""Commands that the monitoring user calls."""
USUAL = "/usr/local"
OURS = re.compile(
    USUAL + r"/(?=hastwatch\b|sbin/(?:carp-hast-switch|hastwatch)|libexec/nagios|share/examples/hastwatch"
    r"|etc/(?:hastwatch|rc\.d/hastwatch|devd/hastwatch|newsyslog\.conf\.d/|periodic/))"
)
"""What is ours below the usual prefix. /usr/local/bin and the like stay: other packages are there."""
WRAPPER = """\
#!/bin/sh
# {name} of hastwatch {version}, by the Python that it was installed for, or by another one that it works with.
for python in {pythons}; do
	if [ -x "$python" ]; then
		exec "$python" -EsB {home}/lib/start.py {module} {home}/bin/{name} "$@"
	fi
done
{lost}
"""
NO_PYTHON = "no Python is left to run it; install hastwatch anew"
PLUGIN_LOST = 'echo "UNKNOWN - {name}: ' + NO_PYTHON + '"\nexit 3'
COMMAND_LOST = 'logger -s -t {name} -p daemon.crit "' + NO_PYTHON + '"\nexit 127'
RC_D = ("hastwatch_hold", "hastwatch")


class Layout(NamedTuple):
    """Where an installation has what; every path is absolute, that is, without --destdir."""

    name: str
    prefix: str
    home: str
    share: str
    """What man, doc and examples are below."""
    python: str

    @property
    def is_port(self) -> bool:
        """Whether the files are a FreeBSD package's own, as rc.d and the samples are."""
        return self.name == "port"

    @property
    def is_debian(self) -> bool:
        """Whether it is a monitoring host."""
        return self.name == "debian"

    def pythons(self) -> list[str]:
        """The interpreters that a wrapper looks for, in this order."""
        directory = os.path.dirname(self.python)
        others = [] if self.is_debian else [f"{directory}/python3.{minor}" for minor in range(OLDEST, NEWEST + 1)]
        return list(dict.fromkeys([self.python, *others]))


class Stage:
    """An installation that is being laid out."""

    def __init__(self, layout: Layout, destdir: Path) -> None:
        self.layout, self.destdir = layout, destdir
        self.samples: list[str] = []
        """Files from which the administrator's own is made where there is none."""
        self.project = project()
        self.version = version()

    def at(self, path: str) -> Path:
        """Where a file of the installation is now."""
        return self.destdir / path.lstrip("/")

    def lay_out(self, *, compiled: bool) -> None:
        """All of it. Raises OSError."""
        home = self.layout.home
        for package in PACKAGES:
            for path in sorted((SOURCES / package).rglob("*")):
                if path.is_file() and path.suffix not in (".pyc", ".pyo"):
                    self.copy(path, f"{home}/lib/{path.relative_to(SOURCES)}")
        self.copy(SOURCES / "contrib" / "packaging" / "start.py", f"{home}/lib/start.py")
        for name, entry in self.commands():
            self.wrap(name, entry.partition(":")[0])
        self.shared()
        if self.layout.is_debian:
            self.debian()
        else:
            self.link(f"{home}/lib/docs", f"{self.layout.share}/doc/hastwatch")
        if self.layout.is_port:
            self.port()
        if compiled:
            self.compile()

    def commands(self) -> Iterator[tuple[str, str]]:
        """Name and entry point of each command."""
        for name, entry in self.project["project"]["scripts"].items():
            if not (self.layout.is_debian and name in HOOKS):
                yield name, entry

    def wrap(self, name: str, module: str) -> None:
        """The program of a command. Raises OSError."""
        lost = (PLUGIN_LOST if name.startswith("check_") else COMMAND_LOST).format(name=name)
        pythons = " ".join(self.layout.pythons())
        text = WRAPPER.format(
            name=name, version=self.version, pythons=pythons, home=self.layout.home, module=module, lost=lost
        )
        self.write(f"{self.layout.home}/bin/{name}", text, 0o755)

    def shared(self) -> None:
        """Manual, documentation and examples, as the wheel has them. Raises OSError."""
        for where, patterns in self.project["tool"]["setuptools"]["data-files"].items():
            directory = where.removeprefix("share/")
            place = f"{self.layout.share}/{directory}"
            if self.layout.is_debian and directory.startswith("examples/"):
                place = place.replace("/examples/hastwatch", "/doc/hastwatch/examples")
            elif self.layout.is_debian and directory == "doc/hastwatch/runbooks":
                place = f"{self.layout.home}/lib/docs/runbooks"  # no program may need what is below /usr/share/doc
                self.link(f"{self.layout.share}/{directory}", place)
            for path in sorted(path for pattern in patterns for path in SOURCES.glob(pattern)):
                self.copy(path, f"{place}/{path.name}")

    def port(self) -> None:
        """What a FreeBSD package has besides; its rc.d scripts come from USE_RC_SUBR. Raises OSError."""
        prefix, freebsd = self.layout.prefix, SOURCES / "contrib" / "freebsd"
        self.link(f"{prefix}/hastwatch", self.layout.home)
        self.link(f"{self.layout.home}/share", self.layout.share)
        for name, _ in self.commands():
            plugin = name.startswith("check_")
            where = "libexec/nagios" if plugin else "bin" if name in ANYBODYS else "sbin"
            if name != "hastwatch-hast-event":
                self.link(f"{prefix}/{where}/{name}", f"{self.layout.home}/bin/{name}")
        self.copy(freebsd / "hastwatch-hast-event", f"{prefix}/sbin/hastwatch-hast-event")
        self.copy(freebsd / "devd-hastwatch.conf", f"{prefix}/etc/devd/hastwatch.conf.sample")
        for path in sorted((freebsd / "periodic").glob("*/*")):
            self.copy(path, f"{prefix}/etc/periodic/{path.relative_to(freebsd / 'periodic')}")
        self.sample(freebsd / "newsyslog-hastwatch.conf", "newsyslog.conf.d/hastwatch.conf.sample")
        self.sample(SOURCES / "contrib" / "hastwatch.toml.sample", "hastwatch.toml.sample")

    def sample(self, path: Path, name: str) -> None:
        """A file that pkg(8) makes the administrator's own from. Raises OSError."""
        self.copy(path, f"{self.layout.prefix}/etc/{name}")
        self.samples.append(f"{self.layout.prefix}/etc/{name}")

    def debian(self) -> None:
        """What a Debian package has besides. Raises OSError."""
        for name, _ in self.commands():
            where = "lib/nagios/plugins" if name.startswith("check_") else "bin"
            self.link(f"{self.layout.prefix}/{where}/{name}", f"{self.layout.home}/bin/{name}")
        sys.path.insert(0, str(SOURCES))
        from remediate.contrib import icinga2, nagios
        from remediate.contrib.placement import Placement

        here = Placement(directory=f"{self.layout.home}/bin")
        self.write("/etc/nagios-plugins/config/hastwatch.cfg", nagios.text(here), 0o644)
        self.write("/usr/share/icinga2/include/hastwatch-commands.conf", icinga2.text(here), 0o644)

    def copy(self, path: Path, to: str) -> None:
        """A file, with the prefix of this installation in it, executable where it is. Raises OSError."""
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        content = path.read_bytes()
        if self.layout.prefix != USUAL and not self.layout.is_debian:
            content = OURS.sub(f"{self.layout.prefix}/", content.decode()).encode()
        self.write(to, content, mode)
        shutil.copystat(path, self.at(to))
        self.at(to).chmod(mode)

    def write(self, to: str, content: str | bytes, mode: int) -> None:
        """Raises OSError."""
        place = self.at(to)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """A relative link, which holds wherever the root is. Raises OSError."""
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(os.path.relpath(target, os.path.dirname(path)))

    def compile(self) -> None:
        """Bytecode, which holds whatever the times of the files become in a package, and names the files where they
        will be. Nobody else ever writes any: the wrappers tell Python not to, so nothing is left when they go."""
        compiled = compileall.compile_dir(
            self.at(self.layout.home) / "lib", quiet=1, stripdir=str(self.destdir), prependdir="/",
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )  # fmt: skip
        if not compiled:
            raise OSError("a module cannot be compiled")

    def packing_list(self) -> list[str]:
        """pkg-plist of what is there, from the prefix on; bsd.port.mk compresses the manual afterwards."""
        root = self.at(self.layout.prefix)
        names = [each.relative_to(root) for each in root.rglob("*") if each.is_symlink() or not each.is_dir()]
        samples = {os.path.relpath(each, self.layout.prefix) for each in self.samples}
        lines = []
        for name in sorted(map(str, names)):
            packed = f"{name}.gz" if name.startswith("share/man/") else name
            lines.append(f"@sample {packed}" if name in samples else packed)
        return lines


def project() -> dict[str, Any]:
    """pyproject.toml. Raises OSError."""
    with open(SOURCES / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


def dependencies() -> list[str]:
    """Requirements of PEP 508. Raises OSError."""
    requirements: list[str] = project()["project"]["dependencies"]
    return requirements


def identity(python: str) -> str:
    """The version, and what tells an installation from one of other sources or for another Python. Raises OSError."""
    patterns = project()["tool"]["setuptools"]["data-files"].values()
    shared = {path for each in patterns for pattern in each for path in SOURCES.glob(pattern)}
    code = {path for package in PACKAGES for path in (SOURCES / package).rglob("*.py")}
    digest = hashlib.sha256(python.encode())
    for path in sorted(shared | code | set(Path(__file__).parent.glob("*.py"))):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(SOURCES)} {len(content)}\n".encode() + content)
    return f"{version()}-{digest.hexdigest()[:8]}"


def version() -> str:
    """The one place that says it. Raises OSError, ValueError."""
    match = re.search(r'(?m)^VERSION = "([^"]+)"$', (SOURCES / "checks" / "__init__.py").read_text())
    if not match:
        raise ValueError("checks/__init__.py has no VERSION")
    return match[1]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--layout", choices=("port", "release", "debian"))
    what.add_argument("--identity", action="store_true", help="print the version and a digest of what is installed")
    what.add_argument("--dependencies", action="store_true", help="print the dependencies, a line each")
    options.add_argument("--destdir", type=Path, default=Path("/"), help="the root of the installation (default: /)")
    options.add_argument("--prefix", default="", help="(default: /usr/local, for debian /usr)")
    options.add_argument("--home", default="", help="the directory of the code, for release")
    options.add_argument(
        "--python", default="/usr/bin/python3", metavar="PATH", help="the interpreter, as it is named there"
    )
    options.add_argument("--plist", type=Path, metavar="FILE", help="append the packing list of a port to FILE")
    options.add_argument("--no-compile", action="store_true", help="make no bytecode")
    return options


def layout_of(options: argparse.Namespace) -> Layout:
    """Raises ValueError."""
    debian = options.layout == "debian"
    prefix = (options.prefix or ("/usr" if debian else USUAL)).rstrip("/")
    if (options.layout == "release") != bool(options.home):
        raise ValueError("--home belongs to the layout release, which needs it")
    home = options.home or f"{prefix}/{'share' if debian else 'lib'}/hastwatch"
    share = f"{home}/share" if options.home else f"{prefix}/share"
    for path in (prefix, home, options.python):
        if not re.fullmatch(r"(?a)/[A-Za-z0-9_./+-]+", path):
            raise ValueError(f"{path!r} is no absolute path of plain characters")
    return Layout(options.layout, prefix, home, share, options.python)


def main() -> int:
    """0, or 2 for a wrong command line; errors of the system are shown in one line."""
    options = parser().parse_args()
    try:
        if options.identity:
            print(identity(options.python))
            return 0
        if options.dependencies:
            print(*dependencies(), sep="\n")
            return 0
        stage = Stage(layout_of(options), options.destdir.resolve())
        stage.lay_out(compiled=not options.no_compile)
        if options.plist:
            with open(options.plist, "a") as file:
                file.writelines(f"{line}\n" for line in stage.packing_list())
    except (OSError, ValueError) as error:
        print(f"stage: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
