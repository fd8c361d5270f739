"""The tables of the configuration on passive results."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from checks.plugin.config import ConfigError
from remediate import config
from remediate.config import load
from remediate.monitoring import submission
from tests.state.child import ROOT

FULL = """
[submit]
to = "icinga"
ttl = 300
spool = "/var/spool/hastwatch"
keep = 3600
most = 50
on_event = ["check_carp_hast", "check_hast -r home"]
[icinga]
url = "https://icinga.example.org:5665"
ca = "/usr/local/etc/ca.crt"
credentials = "/usr/local/etc/hastwatch.credentials"
host = "nfs001.example.org"
on_repair = ["comment", "downtime"]
services = { check_hast = "hast", "check_hast -r mail" = "hast mail" }
[nrdp]
url = "http://127.0.0.1:8080/nrdp/"
[nagios]
pipe = "/var/lib/nagios/rw/nagios.cmd"
"""


def loaded(tmp_path: Path, text: str) -> submission.Submission:
    path = tmp_path / "hastwatch.toml"
    path.write_text(text)
    settings = load(str(path)).submission
    assert settings is not None
    return settings


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FULL)
    assert settings.submit.on_event == ("check_carp_hast", "check_hast -r home")
    assert (settings.submit.ttl, settings.submit.keep, settings.submit.most) == (300.0, 3600.0, 50)
    assert settings.icinga.services["check_hast -r mail"] == "hast mail"
    assert settings.icinga.on_repair == ("comment", "downtime")
    assert settings.nrdp.url == "http://127.0.0.1:8080/nrdp/"
    assert settings.nagios.pipe == "/var/lib/nagios/rw/nagios.cmd"


def test_a_configuration_without_the_tables_imports_nothing_for_them(tmp_path: Path) -> None:
    path = tmp_path / "hastwatch.toml"
    path.write_text('[failover]\nfailback = "never"\n')
    program = (
        f"import sys; from remediate.config import load; print(load({str(path)!r}).submission, "
        "'remediate.monitoring.submission' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "None False\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[submit]\nto = 'nsca'", "`submit.to` must be icinga, nrdp or nagios-pipe, not 'nsca'"),
        ("[submit]\nttl = -1", "`submit.ttl` must be a number of seconds"),
        ("[submit]\nttl = true", "`submit.ttl` must be a number of seconds"),
        ("[submit]\nmost = 0", "`submit.most` must be a whole number"),
        ("[submit]\nmost = 1.5", "`submit.most` must be a whole number"),
        ("[submit]\nspool = 'spool'", "`submit.spool` must be an absolute path"),
        ("[submit]\non_event = 'check_hast'", "`submit.on_event` must be a list of texts"),
        ("[submit]\non_event = ['']", "has an empty command line"),
        ("[submit]\non_event = ['check_hast \"']", "cannot be split into words"),
        ("[submit]\nunknown = 1", "unknown key `submit.unknown`"),
        ("submit = 1", "`submit` must be a table"),
        ("[submission]\nto = 'icinga'", "unknown key `submission`"),
        ("[icinga]\nurl = 'http://icinga.example.org:5665'", "`icinga.url` must be an https:// address"),
        ("[icinga]\nurl = 'http://127.0.0.1.example.org/'", "`icinga.url` must be an https:// address"),
        ("[icinga]\nurl = 'https://u:p@icinga.example.org:5665'", "without user, password"),
        ("[icinga]\nca = 'ca.crt'", "`icinga.ca` must be an absolute path"),
        ("[icinga]\nhost = 'a!b'", "that is none: 'a!b'"),
        ("[icinga]\nservices = { check_hast = 'a;b' }", "that is none: 'a;b'"),
        ("[icinga]\nservices = 'hast'", "`icinga.services` must be a table of texts"),
        ("[icinga]\non_repair = ['shout']", "`icinga.on_repair` must be comment, acknowledge or downtime, not 'shout'"),
        ("[nrdp]\ncredentials = 5", "`nrdp.credentials` must be text"),
        ("[nagios]\npipe = 'nagios.cmd'", "`nagios.pipe` must be an absolute path"),
    ],
)
def test_a_mistake_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_both_modules_know_the_same_tables() -> None:
    assert submission.Submission._fields == config.SUBMISSION


def test_every_setting_stands_in_the_sample_and_the_sample_is_accepted(tmp_path: Path) -> None:
    lines = (ROOT / "contrib" / "hastwatch.toml.sample").read_text().splitlines()
    begins = lines.index("# [submit]")
    text = "\n".join(line.removeprefix("# ") for line in lines[begins:] if line.startswith("# "))
    settings = loaded(tmp_path, text)
    values = tomllib.loads(text)
    for table in config.SUBMISSION:
        assert set(values[table]) == set(getattr(settings, table)._fields), table
