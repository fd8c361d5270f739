"""The Director basket: that it is well formed and refers to nothing it lacks, and has the commands of icinga2.py.

No Director loads it here. What the format allows is taken from Director's own documentation and objects.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from remediate.contrib.definitions import definitions
from remediate.contrib.director import basket
from remediate.contrib.placement import Placement
from tests.contrib.test_icinga2 import COMMANDS, SERVICES

PROPERTIES = {
    "Command": {"object_name", "object_type", "methods_execute", "command", "timeout", "arguments", "fields", "vars"},
    "HostTemplate": {"object_name", "object_type", "fields", "vars"},
    "ServiceTemplate": {"object_name", "object_type", "imports", "check_command", "event_command", "check_interval",
                        "retry_interval", "max_check_attempts", "enable_flapping", "use_agent", "fields", "vars"},
    "ServiceSet": {"object_name", "object_type", "description", "assign_filter", "services"},
    "Datafield": {"varname", "caption", "description", "datatype", "format", "settings"},
}  # fmt: skip
"""The types of objects in the basket, and what of a type's properties is used."""
ARGUMENT = {"value", "set_if", "repeat_key", "skip_key", "description"}
DATA_TYPES = {rf"Icinga\Module\Director\DataType\DataType{kind}" for kind in ("String", "Array", "Boolean")}

BASKET: dict[str, Any] = basket(Placement())
COMMANDS_THERE: dict[str, dict[str, Any]] = BASKET["Command"]


@pytest.mark.parametrize("kind", PROPERTIES)
def test_objects_have_properties_that_director_knows_and_the_name_they_are_found_by(kind: str) -> None:
    for name, each in BASKET[kind].items():
        assert set(each) <= PROPERTIES[kind]
        assert name == each.get("object_name", name)


def test_there_is_nothing_else_in_it() -> None:
    assert set(BASKET) == set(PROPERTIES)


def test_its_commands_are_icingas_with_the_same_arguments() -> None:
    matches = re.findall(r'^object CheckCommand "(\w+)" \{$(.*?)^\}$', COMMANDS, re.MULTILINE | re.DOTALL)
    assert {name: arguments_of(text) for name, text in matches} == {
        name: {
            flag: (each.get("value"), each.get("set_if"), each.get("repeat_key", False))
            for flag, each in command["arguments"].items()
        }
        for name, command in COMMANDS_THERE.items()
        if command["methods_execute"] == "PluginCheck"
    }


def arguments_of(text: str) -> dict[str, tuple[str | None, str | None, bool]]:
    """The arguments in a command of Icinga's language: value, set_if, and whether the key is repeated."""
    matches = re.findall(r'^    "(--[a-z0-9-]+)" = \{$(.*?)^    \}$', text, re.MULTILINE | re.DOTALL)
    return {flag: (said("value", inside), said("set_if", inside), "repeat_key = true" in inside)
            for flag, inside in matches}  # fmt: skip


def said(key: str, text: str) -> str | None:
    match = re.search(rf'^ +{key} = "(.*)"$', text, re.MULTILINE)
    return match[1] if match else None


def test_its_event_commands_are_icingas() -> None:
    for name, way in (("hastwatch-event-handler", "--by"), ("hastwatch-event-handler-ssh", "--ssh")):
        command = COMMANDS_THERE[name]
        assert command["methods_execute"] == "PluginEvent"
        arguments = {flag: each["value"] for flag, each in command["arguments"].items()}
        arguments.pop("--hastwatch", None)
        known = dict(re.findall(r'^    "(--\w+)" = "(.*)"$', COMMANDS, re.MULTILINE))
        wanted = {flag: macro for flag, macro in known.items() if flag not in ("--by", "--ssh") or flag == way}
        assert arguments == wanted | {"--output": "--output=$service.output$"}


def test_an_argument_has_keys_that_icinga_knows() -> None:
    for command in COMMANDS_THERE.values():
        for each in command["arguments"].values():
            assert set(each) <= ARGUMENT
            assert ("value" in each) is not ("set_if" in each)


def test_every_variable_of_a_command_is_a_field_of_its_form() -> None:
    fields = {int(number): each["varname"] for number, each in BASKET["Datafield"].items()}
    for name, command in COMMANDS_THERE.items():
        used = {fields[field["datafield_id"]] for field in command["fields"]}
        assert used == set(re.findall(r"\$([a-z0-9_]+)\$", str(command["arguments"]))), name


def test_a_variable_is_one_field_of_a_type_that_director_has() -> None:
    names = [each["varname"] for each in BASKET["Datafield"].values()]
    assert len(names) == len(set(names))
    assert {each["datatype"] for each in BASKET["Datafield"].values()} == DATA_TYPES


def test_services_are_made_of_templates_and_commands_that_are_in_it() -> None:
    templates = BASKET["ServiceTemplate"]
    services = [each for match in BASKET["ServiceSet"].values() for each in match["services"].values()]
    for each in [*templates.values(), *services]:
        assert set(each.get("imports", [])) <= set(templates)
        assert {each[key] for key in ("check_command", "event_command") if key in each} <= set(COMMANDS_THERE)


def test_its_services_are_icingas_on_the_same_hosts() -> None:
    for variable in ("hastwatch_node", "hastwatch_pair"):
        rules = re.findall(rf'apply Service "(check_\w+)" \{{(?:(?!^\}}).)*?assign where host\.vars\.{variable}$',
                           SERVICES, re.MULTILINE | re.DOTALL)  # fmt: skip
        assigned = f"host.vars.{variable}=true"
        there = [set(each["services"]) for each in BASKET["ServiceSet"].values() if each["assign_filter"] == assigned]
        assert there == [set(rules)]


def test_a_service_links_to_the_page_of_its_check_where_the_basket_is_told_of_the_pages() -> None:
    told = basket(Placement(docs="https://docs.example.org/hastwatch"))["ServiceTemplate"]
    links = {name: each["notes_url"] for name, each in told.items() if "notes_url" in each}  # type: ignore[index, operator]
    assert links == {
        f"hastwatch-{each.name}": f"https://docs.example.org/hastwatch/checks/{each.name}.html"
        for each in definitions()
    }
    assert "notes_url" not in str(BASKET)


@pytest.mark.parametrize("template", ["hastwatch", "hastwatch-on-node"])
def test_its_templates_look_as_often_as_icingas(template: str) -> None:
    text = re.search(rf'^template Service "{template}" \{{$(.*?)^\}}$', SERVICES, re.MULTILINE | re.DOTALL)
    assert text
    ours = BASKET["ServiceTemplate"][template]
    for key in ("check_interval", "retry_interval", "max_check_attempts", "enable_flapping", "event_command"):
        match = re.search(rf"^  {key} = (.*)$", text[1], re.MULTILINE)
        assert (match is None) is (key not in ours)
        if match:
            assert {"1m": 60, "20s": 20, "3": 3, "true": True}.get(match[1], match[1].strip('"')) == ours[key]
