"""What the pages give to be typed or put into a file is loaded by the program that will read it.

A block of a page has no name of its language: its first line tells. One that no reader is known for fails, so that a
new kind of block gets a reader here.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from checks.plugin import config as checks_config
from checks.probes import exports
from checks.probes.devd_conf import DevdConfiguration
from checks.registry import REGISTRY
from remediate import config as remediation_config
from remediate.monitoring import addresses
from tests.engines import icinga_daemon, nagios
from tests.engines.icinga_daemon import IcingaDaemon
from tests.engines.nagios import NagiosDaemon
from tests.test_pages import DOCS, PAGES, ROOT

EXAMPLES = "/usr/local/hastwatch/share/examples/hastwatch"
FENCE = re.compile(r"^ *```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?P<by> {4,})\S[^\n]*\n(?:\n*(?P=by)[^\n]*\n)*")
INLINE_SETTING = re.compile(r"`([a-z_]+=[^`\s]+)`")
OBJECTS = [
    ROOT / "contrib/nagios" / f"hastwatch-{name}" for name in ("commands.cfg", "templates.cfg", "pair.cfg.sample")
]
OF_NRPE = {"include_dir", "dont_blame_nrpe"}
OUTPUT = re.compile(r"(?:# \./|\$ )|[A-Z ]+ (?:OK|WARNING|CRITICAL|UNKNOWN) - ")
"""How a transcript begins, or what a check prints: nobody reads it but people."""
OURS = {"hastwatch", *(check.name for check in REGISTRY)}
PROGRAMS = {
    *OURS, "apt", "check_nrpe", "chflags", "chmod", "cp", "df", "dmesg", "echo", "eval", "find", "gpart", "hastctl",
    "ifconfig", "install", "make", "mkdir", "mv", "pip", "ps", "pw", "python3", "rm", "route", "service", "sh",
    "su", "sysctl", "sysrc", "umount", "visudo", "cd", "dd", "du", "fstat", "kill", "ls", "mount", "netstat", "ntpd",
    "sed", "tail", "truss", "zabbix_agentd", "zpool", "geom", "grep", "promtool", "ssh",
    "timeout",
}  # fmt: skip
"""First words of the command lines of pages."""


class Snippet(NamedTuple):
    """A block of a page."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Kind(NamedTuple):
    """What reads a block, by how its first line begins."""

    name: str
    begins: re.Pattern[str]


KINDS = (
    Kind("toml", re.compile(r"\[[a-z_.]+\]$|(?:via|peer|timeout|docs|config) = ")),
    Kind("nagios", re.compile(r"(?:cfg_file|cfg_dir)=")),
    Kind("nagios service", re.compile(r"use +hastwatch-")),
    Kind("crontab", re.compile(r"(?:[0-9*/,-]+ ){5}\w+ ")),
    Kind("addresses", re.compile(r"\S+ check_nfs_export ")),
    Kind("icinga2", re.compile(r"(?:object|const|apply|import) ")),
    Kind("ssh_config", re.compile(r"Host ")),
    Kind("sshd_config", re.compile(r"(?:PermitRootLogin|Match) ")),
    Kind("authorized_keys", re.compile(r"restrict,")),
    Kind("devd.conf", re.compile(r"(?:action|match) ")),
    Kind("monit", re.compile(r"check program ")),  # tests/contrib/test_zabbix.py
    Kind("promql", re.compile(r"hastwatch_\w+ \*")),
    Kind("exports", re.compile(r"/\S+ -(?:maproot|network|alldirs)")),
    Kind("sh", re.compile(rf"(?:# )?(?:\S*/)?(?:{'|'.join(sorted(PROGRAMS))})(?= |-|$)")),
)


def snippets(page: Path) -> Iterator[Snippet]:
    """The blocks of a page, but for what Sphinx reads and what is marked as text."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        if match["language"] != "text" and not match["language"].startswith("{"):
            yield _snippet(page, text, match.start(), match["text"])
    outside = FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in INDENTED.finditer(outside):
        yield _snippet(page, outside, match.start(), match[0])


def _snippet(page: Path, text: str, start: int, block: str) -> Snippet:
    return Snippet(page, text.count("\n", 0, start) + 1, textwrap.dedent(block).strip("\n") + "\n")


def kind(snippet: Snippet) -> str | None:
    """Its kind, `output` if people alone read it; None if nothing is known that reads it."""
    if OUTPUT.match(snippet.text):
        return "output"
    first = snippet.text.splitlines()[0]
    return next((each.name for each in KINDS if each.begins.match(first)), None)


ALL = [snippet for page in PAGES for snippet in snippets(page)]


def of(name: str) -> list[Snippet]:
    """The blocks of a kind; there is at least one."""
    return [snippet for snippet in ALL if kind(snippet) == name]


def test_something_is_known_to_read_every_block_of_every_page() -> None:
    assert [str(snippet) for snippet in ALL if kind(snippet) is None] == []


def test_a_block_of_another_kind_is_found_out() -> None:
    other = Snippet(ROOT / "README.md", 1, "define host {\n}\n")
    assert kind(other) is None


@pytest.mark.parametrize("kind_", [each.name for each in KINDS])
def test_no_kind_is_kept_that_no_page_has(kind_: str) -> None:
    assert of(kind_)


# --- the readers ---------------------------------------------------------------------------------------------------


def accepted(words: Sequence[str | Path]) -> None:
    """The program reads it without a word of complaint."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize("snippet", of("toml"), ids=str)
def test_a_configuration_is_read_by_the_checks_and_by_what_repairs(snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "hastwatch.toml"
    file.write_text(snippet.text)
    file.chmod(0o600)
    for load in (checks_config.load, remediation_config.load):
        load(str(file))


@pytest.mark.parametrize("snippet", of("sh"), ids=str)
def test_command_lines_are_of_sh(snippet: Snippet, tmp_path: Path) -> None:
    script = tmp_path / "lines"
    prompted = re.findall(r"^# (.*)$", snippet.text, re.MULTILINE)
    script.write_text("\n".join(prompted) if snippet.text.startswith("# ") else snippet.text)
    accepted(["sh", "-n", script])


@pytest.mark.parametrize("snippet", of("crontab"), ids=str)
def test_a_line_of_cron_has_a_command_line_of_sh(snippet: Snippet, tmp_path: Path) -> None:
    """cron(8) makes a `%` a newline (crontab(5))."""
    script = tmp_path / "lines"
    script.write_text("".join(line.split(maxsplit=6)[6] + "\n" for line in snippet.text.splitlines()))
    assert "%" not in snippet.text
    accepted(["sh", "-n", script])


@pytest.mark.parametrize("snippet", of("addresses"), ids=str)
def test_a_list_of_addresses_is_read_by_submit(snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "addresses"
    file.write_text(snippet.text)
    assert len(addresses.read(str(file))) == len(snippet.text.splitlines())


needs_ssh = pytest.mark.skipif(not (shutil.which("sshd") or Path("/usr/sbin/sshd").exists()), reason="no sshd")


@needs_ssh
@pytest.mark.parametrize("snippet", of("ssh_config"), ids=str)
def test_a_client_s_settings_are_read_by_ssh(snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(snippet.text)
    accepted(["ssh", "-T", "-G", "-F", file, "10.1.101.3"])


@needs_ssh
@pytest.mark.parametrize("snippet", of("sshd_config"), ids=str)
def test_a_server_s_settings_are_read_by_sshd(snippet: Snippet, tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "sshd_config"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    file.write_text(f"HostKey {key}\n{snippet.text}")
    Path("/run/sshd").mkdir(exist_ok=True)  # the directory without which Debian's sshd does nothing
    accepted(["/usr/sbin/sshd", "-t", "-f", file])


@needs_ssh
@pytest.mark.parametrize("snippet", of("authorized_keys"), ids=str)
def test_a_key_s_line_is_read_by_ssh_keygen(snippet: Snippet, tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "authorized_keys"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    own = key.with_suffix(".pub").read_text().split()[1]
    file.write_text(snippet.text.replace("AAAA...", own))
    accepted(["ssh-keygen", "-l", "-f", file])


@pytest.mark.parametrize("snippet", of("devd.conf"), ids=str)
def test_lines_of_a_rule_are_read_as_devd_reads_them(snippet: Snippet) -> None:
    """devd(8) runs on FreeBSD alone; the reader has its grammar."""
    configuration = DevdConfiguration()
    rest = "" if "action" in snippet.text else 'action "true";'
    configuration.read(f"notify 0 {{\n{snippet.text}{rest}\n}};\n", str(snippet))


@pytest.mark.parametrize("snippet", of("exports"), ids=str)
def test_a_line_of_exports_is_read_as_mountd_reads_it(snippet: Snippet) -> None:
    """mountd(8) runs on FreeBSD alone; the reader has its grammar."""
    assert exports.parse(snippet.text) and not any(line.why for line in exports.parse(snippet.text))


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
@pytest.mark.parametrize("snippet", of("promql"), ids=str)
def test_an_expression_is_read_by_prometheus(snippet: Snippet, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rule = {"record": "of:a:page", "expr": snippet.text}
    rules.write_text(json.dumps({"groups": [{"name": "page", "rules": [rule]}]}))
    accepted(["promtool", "check", "rules", rules])


needs_nagios = pytest.mark.skipif(nagios.why_not() is not None, reason=str(nagios.why_not()))


@needs_nagios
@pytest.mark.slow
@pytest.mark.parametrize("snippet", of("nagios"), ids=str)
def test_lines_of_nagios_cfg_are_read_by_nagios(snippet: Snippet, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(ROOT / "contrib/nagios/hastwatch-pair.cfg.sample", own / "hastwatch-pair.cfg")
    here = snippet.text.replace(EXAMPLES, str(ROOT / "contrib")).replace("/usr/local/etc/nagios", str(own))
    accepted_by_nagios(tmp_path / "nagios", {}, [Path(line.removeprefix("cfg_file=")) for line in here.splitlines()])


@needs_nagios
@pytest.mark.slow
@pytest.mark.parametrize("snippet", of("nagios service"), ids=str)
def test_lines_of_a_service_are_read_by_nagios(snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "service.cfg"
    file.write_text(f"define service {{\nhost_name nfs001\nservice_description of the page\n{snippet.text}}}\n")
    accepted_by_nagios(tmp_path / "nagios", {}, [*OBJECTS, file])


@needs_nagios
@pytest.mark.slow
def test_a_setting_that_the_page_names_is_one_of_nagios(tmp_path: Path) -> None:
    """A directive of objects in nagios.cfg ends the daemon."""
    section = re.search(r"^## Nagios and NRPE\n(.*?)^## ", (DOCS / "monitoring.md").read_text(), re.M | re.S)
    assert section
    settings = dict(each.split("=", 1) for each in INLINE_SETTING.findall(section[1]))
    assert settings.keys() > OF_NRPE
    accepted_by_nagios(tmp_path / "nagios", {name: settings[name] for name in settings.keys() - OF_NRPE})


@pytest.mark.skipif(icinga_daemon.why_not() is not None, reason=str(icinga_daemon.why_not()))
@pytest.mark.slow
@pytest.mark.parametrize("snippet", of("icinga2"), ids=str)
def test_objects_are_read_by_icinga(snippet: Snippet, tmp_path: Path) -> None:
    daemon = IcingaDaemon(tmp_path / "icinga", snippet.text.replace('ApiUser "hastwatch"', 'ApiUser "page"'))
    verified = daemon.verify()
    assert verified.returncode == 0, verified.stdout


def accepted_by_nagios(directory: Path, settings: dict[str, str], files: Sequence[Path] = OBJECTS) -> None:
    """Nagios accepts its main configuration with these settings and files of objects."""
    verified = NagiosDaemon(directory, files, directory, settings).verify()
    assert verified.returncode == 0, verified.stdout
