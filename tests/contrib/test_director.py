"""The Director basket: that it refers to nothing it lacks, and that all can be filled in that a command takes. A real
Director deploys it in tests/engines/test_director.py."""

from __future__ import annotations

import re
from typing import Any

from remediate.contrib.definitions import definitions
from remediate.contrib.director import basket
from remediate.contrib.placement import Placement

DATA_TYPES = {rf"Icinga\Module\Director\DataType\DataType{kind}" for kind in ("String", "Array", "Boolean")}
OF_ICINGA = {"hostalive", "cluster-zone"}
"""The commands that Director has from its kickstart."""
OF_HOSTS = {"address", "address6", "check_ipv4", "check_ipv6"}
"""Macros that are not a custom variable of ours."""

BASKET: dict[str, Any] = basket(Placement())
COMMANDS_THERE: dict[str, dict[str, Any]] = BASKET["Command"]


def test_an_object_is_found_by_its_name() -> None:
    for kind in sorted(set(BASKET) - {"Datafield"}):
        assert [name for name, each in BASKET[kind].items() if name != each["object_name"]] == []


def test_every_variable_of_a_command_is_a_field_of_its_form() -> None:
    for name, command in COMMANDS_THERE.items():
        macros = set(re.findall(r"\$([a-z0-9_]+)\$", str(command["arguments"])))
        assert used(command) == macros - OF_HOSTS, name


def used(each: dict[str, Any]) -> set[str]:
    """The variables in the form of an object."""
    return {BASKET["Datafield"][str(field["datafield_id"])]["varname"] for field in each["fields"]}


def test_a_variable_is_one_field_of_a_type_that_director_has() -> None:
    names = [each["varname"] for each in BASKET["Datafield"].values()]
    assert len(names) == len(set(names))
    assert {each["datatype"] for each in BASKET["Datafield"].values()} == DATA_TYPES


def test_a_description_makes_sense_where_no_help_is_around_it() -> None:
    texts = [each["description"] for each in BASKET["Datafield"].values()]
    assert [text for text in texts if re.search(r"\b(below|above|[Tt]he same|it must|Of the)\b", text)] == []


def test_what_is_named_is_there() -> None:
    services = [each for match in BASKET["ServiceSet"].values() for each in match["services"].values()]
    for each in [*BASKET["HostTemplate"].values(), *BASKET["ServiceTemplate"].values(), *services]:
        assert set(each.get("imports", [])) <= set(BASKET["ServiceTemplate"])
        commands = {each[key] for key in ("check_command", "event_command") if key in each}
        assert commands <= set(COMMANDS_THERE) | OF_ICINGA
        assert set(each.get("groups", [])) <= set(BASKET["ServiceGroup"])


def test_a_service_links_to_the_page_of_its_check_where_the_basket_is_told_of_the_pages() -> None:
    told = basket(Placement(docs="https://docs.example.org/hastwatch"))["ServiceTemplate"]
    links = {name: each["notes_url"] for name, each in told.items() if "notes_url" in each}  # type: ignore[index, operator]
    assert links == {
        f"hastwatch-{each.name}": f"https://docs.example.org/hastwatch/checks/{each.name}.html"
        for each in definitions()
    }
    assert "notes_url" not in str(BASKET)
