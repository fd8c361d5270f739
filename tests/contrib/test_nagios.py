"""The shipped files for Nagios and NRPE, each loaded by the real program."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.registry import COMBINED, OF_SERVICE, ON_NODE
from remediate.contrib.definitions import definitions
from remediate.contrib.placement import Placement
from remediate.events.repair_request import REQUESTS, RepairRequest
from remediate.subcommands.contrib import text
from tests.engines import nagios, nrpe
from tests.engines.nagios import NagiosDaemon
from tests.engines.nrpe import NrpeDaemon, own_address

SHIPPED = Path(__file__).resolve().parents[2] / "contrib"
OBJECTS = [SHIPPED / "nagios" / name for name in
           ("hastwatch-commands.cfg", "hastwatch-templates.cfg", "hastwatch-pair.cfg.sample")]  # fmt: skip
THROUGH_NRPE = [each.name for each in definitions() if each.on_node]
ON_NODES = [each.name for each in ON_NODE]
"""Those that are a service of each node of the sample; check_hast_pair stands for several, and is in a comment."""
needs_nagios = pytest.mark.skipif(nagios.why_not() is not None, reason=str(nagios.why_not()))
needs_nrpe = pytest.mark.skipif(nrpe.why_not() is not None, reason=str(nrpe.why_not()))


def objects(file: Path) -> list[tuple[str, dict[str, str]]]:
    """The objects that a file defines: type, and its directives."""
    definitions = []
    for kind, body in re.findall(r"(?ms)^define (\w+) \{\n(.*?)^\s*\}", file.read_text()):
        lines = [line for line in body.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        definitions.append((kind, dict(line.split(None, 1) for line in lines)))
    return definitions


def program(path: Path, body: str) -> None:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


# The verifier


def test_check_nrpe_waits_longer_than_each_check_takes_and_less_than_nagios_waits() -> None:
    lines = [values["command_line"] for kind, values in objects(OBJECTS[0]) if kind == "command"]
    waits = {match[2]: int(match[1]) for line in lines if (match := re.search(r"-t (\d+):3 -c (\w+)", line))}
    assert waits.keys() == set(THROUGH_NRPE)
    for each in definitions():
        assert not each.on_node or each.check.timeout < waits[each.name] < 60


@needs_nagios
def test_nagios_accepts_services_whose_results_a_node_submits_itself(tmp_path: Path) -> None:
    pair = tmp_path / "pair.cfg"
    text = OBJECTS[2].read_text()
    for check in OF_SERVICE:
        text = re.sub(rf"(hastwatch-{check.name}\n)", r"hastwatch-passive,\1", text)
    pair.write_text(text)
    verified = NagiosDaemon(tmp_path / "nagios", [*OBJECTS[:2], pair], nrpe.PLUGIN.parent).verify()
    assert text.count("hastwatch-passive,") == len(OF_SERVICE)
    assert "Total Warnings: 0\nTotal Errors:   0\n" in verified.stdout


@needs_nagios
def test_nagios_accepts_the_one_service_of_the_sample_in_place_of_six(tmp_path: Path) -> None:
    pair = tmp_path / "pair.cfg"
    text = OBJECTS[2].read_text()
    for check in OF_SERVICE:
        text = re.sub(rf"define service \{{\n    use +hastwatch-{check.name}\n[^}}]*\}}\n", "", text)
    text = re.sub(r"(?m)^#(define|    (?:use|host_name) |\})", r"\1", text)
    alone = r"define servicedependency \{[^}]*    service_description +check_(?:nfs_export|hast_splitbrain)\n[^}]*\}\n"
    text = re.sub(alone, "", text)
    text = re.sub(r"(dependent_service_description +)\S+", r"\1check_hast_pair,check_hast_setup", text)
    pair.write_text(text)
    verified = NagiosDaemon(tmp_path / "nagios", [*OBJECTS[:2], pair], nrpe.PLUGIN.parent).verify()
    assert "Total Warnings: 0\nTotal Errors:   0\n" in verified.stdout, verified.stdout
    assert "Checked 7 services" in verified.stdout  # nrpe, that one and the audit of each node; the service address


@needs_nagios
@pytest.mark.parametrize("way", ["nrpe", "ssh"])
def test_nagios_accepts_the_shipped_objects_without_a_warning(tmp_path: Path, way: str) -> None:
    templates = tmp_path / "templates.cfg"
    templates.write_text(OBJECTS[1].read_text().replace("handler-nrpe", f"handler-{way}"))
    verified = NagiosDaemon(tmp_path / "nagios", [OBJECTS[0], templates, OBJECTS[2]], nrpe.PLUGIN.parent).verify()
    assert "Total Warnings: 0\nTotal Errors:   0\n" in verified.stdout
    assert verified.returncode == 0


@needs_nagios
def test_every_check_links_to_its_page_where_the_line_in_the_template_is_uncommented(tmp_path: Path) -> None:
    templates = tmp_path / "templates.cfg"
    templates.write_text(OBJECTS[1].read_text().replace("#notes_url", "notes_url"))
    with NagiosDaemon(tmp_path / "nagios", [OBJECTS[0], templates, OBJECTS[2]], nrpe.PLUGIN.parent) as daemon:
        cache = daemon.directory / "objects.cache"
        daemon.wait_for("the objects", cache.exists)
        links = {
            values["service_description"]: values.get("notes_url", "")
            for kind, values in objects(cache)
            if kind == "service"
        }
    # Nagios's pages put the name of the check in the place of the macro
    page = "https://docs.example.org/hastwatch/checks/$_SERVICEHASTWATCH_CHECK$.html"
    assert links == {"nrpe": "", **{each.name: page for each in definitions() if each.name not in COMBINED}}


@needs_nagios
def test_without_that_no_service_has_a_link() -> None:
    assert not [values for _, values in objects(OBJECTS[1]) if values.get("notes_url", "null") != "null"]


@needs_nagios
def test_the_verifier_would_have_found_a_mistake(tmp_path: Path) -> None:
    templates = tmp_path / "templates.cfg"
    templates.write_text(OBJECTS[1].read_text().replace("handler-nrpe", "handler-smoke-signals"))
    verified = NagiosDaemon(tmp_path / "nagios", [OBJECTS[0], templates, OBJECTS[2]], nrpe.PLUGIN.parent).verify()
    assert "Total Warnings: 0\nTotal Errors:   0\n" not in verified.stdout
    assert verified.returncode != 0


# That nothing is forgotten


@pytest.mark.parametrize("check", [each.name for each in definitions()])
def test_every_check_has_its_template_and_a_service_of_the_sample(check: str) -> None:
    (template,) = [values for kind, values in objects(OBJECTS[1]) if values.get("name") == f"hastwatch-{check}"]
    assert template["service_description"] == template["_HASTWATCH_CHECK"] == check
    assert template["check_command"] == f"hastwatch-{check}"
    users = [values["host_name"] for _, values in objects(OBJECTS[2]) if values.get("use") == f"hastwatch-{check}"]
    assert users == ([] if check in COMBINED else ["nfs001,nfs002" if check in ON_NODES else "nfs"])


def test_the_checks_of_a_node_depend_on_its_nrpe() -> None:
    (dependency,) = [
        values
        for kind, values in objects(OBJECTS[2])
        if kind == "servicedependency" and values["service_description"] == "nrpe"
    ]
    assert sorted(dependency["dependent_service_description"].split(",")) == sorted(ON_NODES)


# NRPE


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NrpeDaemon]:
    """NRPE with the shipped commands, and programs that print how they are called and as whom."""
    directory = tmp_path_factory.mktemp("nrpe")
    names = [*THROUGH_NRPE, "hastwatch"]
    for name in names:
        program(directory / "bin" / name, f'echo "$(/usr/bin/id -un): {name} $*"')
    placement = Placement(directory=str(directory / "bin"))
    rules = f"nagios ALL=(root) NOPASSWD: {directory}/bin/hastwatch\n"
    with NrpeDaemon(directory / "nrpe", own_address(9), text("nrpe", placement), rules) as running:
        yield running


@needs_nrpe
@pytest.mark.parametrize("check", THROUGH_NRPE)
def test_nrpe_runs_a_check_as_the_monitoring_user(daemon: NrpeDaemon, check: str) -> None:
    assert daemon.ask(check).stdout == f"nagios: {check} \n"


@pytest.mark.slow
@needs_nrpe
@pytest.mark.parametrize("repair", REQUESTS, ids=lambda repair: repair.nrpe)
def test_nrpe_runs_a_repair_as_root_with_exactly_its_words(daemon: NrpeDaemon, repair: RepairRequest) -> None:
    assert daemon.ask(repair.nrpe).stdout == f"root: hastwatch {' '.join(repair.words)}\n"


@needs_nrpe
def test_sudo_is_found_where_the_daemon_would_not_find_it(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "hastwatch", 'echo "$*"')
    commands = text("nrpe", Placement(directory=str(tmp_path / "bin")))
    rules = f"nagios ALL=(root) NOPASSWD: {tmp_path}/bin/hastwatch\n"
    with NrpeDaemon(tmp_path / "nrpe", own_address(8), commands, rules, path="/nonexistent") as elsewhere:
        assert elsewhere.ask("hastwatch_repair_devd").stdout == "repair devd --detach\n"


@pytest.mark.parametrize(("by", "first"), [("/usr/local/bin/sudo -n", "/usr/local/bin/sudo -n /b/hastwatch"),
                                           ("", "/b/hastwatch")])  # fmt: skip
def test_nothing_is_looked_for_where_its_place_is_given(by: str, first: str) -> None:
    assert f"command[hastwatch_repair_devd]={first} repair" in text("nrpe", Placement(directory="/b", by=by))


@needs_nrpe
def test_nrpe_has_no_other_command(daemon: NrpeDaemon) -> None:
    named = re.findall(r"(?m)^command\[(\w+)\]=", text("nrpe"))
    assert named == [*THROUGH_NRPE, *(request.nrpe for request in REQUESTS if not request.held),
                     *(request.nrpe for request in REQUESTS if request.held)]  # fmt: skip
    assert "not defined" in daemon.ask("hastwatch_promote").stdout


@needs_nrpe
@pytest.mark.parametrize("more", ["promote", "; id", "$(id)"])
def test_nothing_from_the_network_becomes_part_of_a_command(daemon: NrpeDaemon, more: str) -> None:
    asked = daemon.ask("hastwatch_repair_devd", more)
    assert "hastwatch" not in asked.stdout
    assert asked.returncode != 0


@needs_nrpe
def test_nagios_asks_nrpe_for_what_nrpe_has() -> None:
    lines = {values["command_name"]: values["command_line"] for _, values in objects(OBJECTS[0])}
    asked = [shlex.split(line)[-1] for line in lines.values() if " -c " in line and "check_nrpe" in line]
    assert asked == THROUGH_NRPE
