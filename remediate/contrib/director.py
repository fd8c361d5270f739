"""Icinga Director: the commands of `icinga2.py`, and the services of a node and of a service address, as a basket.

A basket is a JSON object: a type of objects, its objects by their names. Properties are those of Director's REST API
(its documentation: 70-REST-API, 30-Configuration-Baskets). An argument's keys are those of Icinga 2; a field is what
makes a variable appear in a form, and refers to a Datafield by its number, which Director replaces by its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from remediate.contrib import icinga2
from remediate.contrib.definitions import EVERY_MINUTE, Definition, definitions
from remediate.contrib.icinga2 import EVENT, HANDLER, HANDLER_OVER_SSH, OUTPUT, Argument
from remediate.contrib.placement import Placement

DATA_TYPE = r"Icinga\Module\Director\DataType\DataType"
"""What all its data types begin with."""
TEMPLATE, ON_NODE = "hastwatch", "hastwatch-on-node"
"""The service templates, as in contrib/icinga2/hastwatch-services.conf."""
NODE_SET, PAIR_SET = "hastwatch node", "hastwatch service address"
"""The sets of services."""

JSON = dict[str, object]


class Field(NamedTuple):
    """A variable in Director's forms."""

    number: int
    name: str
    about: str
    kind: str

    @property
    def datafield(self) -> JSON:
        """As an object of the basket."""
        return {"varname": self.name, "caption": self.name, "description": self.about,
                "datatype": DATA_TYPE + self.kind, "format": None, "settings": {}}  # fmt: skip


NODE = ("hastwatch_node", "A node of a pair", "Boolean")
PAIR = ("hastwatch_pair", "The nodes that take turns with this service address", "Array")
BY = ("hastwatch_by", "How Icinga's user becomes root on the node: sudo -n, or doas", "String")
SSH = ("hastwatch_ssh", "Whom to ask for a repair over ssh: [USER@]HOST or ssh://[USER@]HOST[:PORT]", "String")


def text(placement: Placement) -> str:
    """The file."""
    return json.dumps(basket(placement), indent=4, ensure_ascii=False) + "\n"


def basket(placement: Placement) -> dict[str, JSON]:
    """All objects, by type and name."""
    variables = fields()
    commands = {
        icinga2.command(definition.name): _check(definition, placement, variables) for definition in definitions()
    }
    commands[HANDLER] = _event(HANDLER, placement, variables[BY[0]]) | {"vars": {BY[0]: placement.by}}
    commands[HANDLER_OVER_SSH] = _event(HANDLER_OVER_SSH, placement, variables[SSH[0]])
    return {
        "Command": dict(commands),
        "HostTemplate": {
            "hastwatch-node": _host("hastwatch-node", variables[NODE[0]]) | {"vars": {NODE[0]: True}},
            "hastwatch-pair": _host("hastwatch-pair", variables[PAIR[0]]),
        },
        "ServiceTemplate": {each["object_name"]: each for each in _templates(placement)},  # type: ignore[misc]  # a str
        "ServiceSet": {NODE_SET: _set(NODE_SET, True), PAIR_SET: _set(PAIR_SET, False)},
        "Datafield": {str(field.number): field.datafield for field in variables.values()},
    }


def fields() -> dict[str, Field]:
    """Every variable, by its name."""
    variables: dict[str, Field] = {}
    for name, about, kind in (NODE, PAIR, BY, SSH):
        variables[name] = Field(len(variables) + 1, name, about, kind)
    for definition in definitions():
        for argument in icinga2.arguments(definition):
            new = Field(len(variables) + 1, argument.variable, argument.option.about, _kind(argument))
            variables.setdefault(argument.variable, new)
    return variables


def _kind(argument: Argument) -> str:
    if not argument.option.takes_value:
        return "Boolean"
    return "Array" if argument.option.repeatable else "String"


def _check(definition: Definition, placement: Placement, variables: dict[str, Field]) -> JSON:
    arguments = icinga2.arguments(definition)
    return {
        "object_name": icinga2.command(definition.name),
        "object_type": "object",
        "methods_execute": "PluginCheck",
        "command": placement.command(definition.name),
        "timeout": 60,
        "arguments": {argument.option.flag: argument.settings for argument in arguments},
        "vars": icinga2.defaults(definition) | _address(definition),
        "fields": [_use(variables[argument.variable]) for argument in arguments],
    }


def _address(definition: Definition) -> dict[str, str]:
    """The variable that says whom to ask; Director knows none of Icinga's templates that a command could import."""
    return {} if definition.on_node else {f"{icinga2.command(definition.name)}_{icinga2.ADDRESS}": "$address$"}


def _event(name: str, placement: Placement, field: Field) -> JSON:
    """An EventCommand; that of the node names the command, which may be elsewhere than the README has it."""
    here = {"--hastwatch": placement.command("hastwatch"), "--by": f"${BY[0]}$"}
    way = here if name == HANDLER else {"--ssh": f"${SSH[0]}$"}
    arguments: JSON = {flag: {"value": macro} for flag, macro in (EVENT | way).items()}
    return {
        "object_name": name,
        "object_type": "object",
        "methods_execute": "PluginEvent",
        "command": " ".join((*icinga2.CLEAN, placement.command(HANDLER))),
        "timeout": 60,
        "arguments": arguments | {OUTPUT[0]: {"value": OUTPUT[1], "skip_key": True}},
        "fields": [_use(field)],
    }


def _use(field: Field) -> JSON:
    return {"datafield_id": field.number, "is_required": "n", "var_filter": None}


def _host(name: str, field: Field) -> JSON:
    """What makes a host one of ours; how it is looked at itself, and its agent, belong to the user's own template."""
    return {"object_name": name, "object_type": "template", "fields": [_use(field)]}


def _templates(placement: Placement) -> Iterator[JSON]:
    """One for all, one for those of a node, and one for each check."""
    yield _template(
        TEMPLATE, check_interval=EVERY_MINUTE, retry_interval=20, max_check_attempts=3, enable_flapping=True
    )
    yield _template(ON_NODE, imports=[TEMPLATE], event_command=HANDLER, use_agent=True)
    for definition in definitions():
        imports = [ON_NODE if definition.on_node else TEMPLATE]
        own: JSON = {"check_interval": definition.interval} if definition.interval != EVERY_MINUTE else {}
        own |= {"notes_url": f"{placement.docs}/checks/{definition.name}.html"} if placement.docs else {}
        yield _template(_of(definition), imports=imports, check_command=icinga2.command(definition.name), **own)


def _template(name: str, **properties: object) -> JSON:
    return {"object_name": name, "object_type": "template", "fields": [], **properties}


def _of(definition: Definition) -> str:
    return f"hastwatch-{definition.name}"


def _set(name: str, on_node: bool) -> JSON:
    variable = (NODE if on_node else PAIR)[0]
    services = {
        definition.name: {
            "object_name": definition.name,
            "object_type": "object",
            "imports": [_of(definition)],
            "fields": [],
        }
        for definition in definitions()
        if definition.on_node is on_node
    }
    what = "Every check of a node of a pair" if on_node else "The service address of a pair, as a client sees it"
    return {"object_name": name, "object_type": "template", "description": f"{what}, where {variable} is set",
            "assign_filter": f"host.vars.{variable}=true", "services": services}  # fmt: skip
