"""Icinga Director: the commands of `icinga2.py`, and all of contrib/icinga2/hastwatch-services.conf, as a basket.

A basket is a JSON object: a type of objects, its objects by their names. Properties are those of Director's REST API
(its documentation: 70-REST-API, 30-Configuration-Baskets). An argument's keys are those of Icinga 2; a field is what
makes a variable appear in a form, and refers to a Datafield by its number, which Director replaces by its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from checks.registry import COMBINED
from remediate.contrib import icinga2
from remediate.contrib.definitions import EVERY_MINUTE, Definition, Option, definitions
from remediate.contrib.icinga2 import EVENT, HANDLER, HANDLER_OVER_SSH, OUTPUT
from remediate.contrib.placement import Placement

DATA_TYPE = r"Icinga\Module\Director\DataType\DataType"
"""What all its data types begin with."""
TEMPLATE, ON_NODE = "hastwatch", "hastwatch-on-node"
"""The service templates, as in contrib/icinga2/hastwatch-services.conf."""
NODE_HOST, PAIR_HOST = "hastwatch-node", "hastwatch-pair"
"""The host templates there."""
AGENT = "hastwatch-agent"
"""The service that says whether a node's agent is connected, and the dependency on it."""
IS_NODE, IS_PAIR = "host.vars.hastwatch_node=true", "host.vars.hastwatch_pair=true"
"""Filters of Director; `=true` is: has a value."""
ADDRESSES = ("address", "address6")
"""The variables of a host that its address is from."""
TIMEOUT = 60
"""Seconds for a command, as Icinga has it by default."""

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

    @property
    def use(self) -> JSON:
        """In the form of an object."""
        return {"datafield_id": self.number, "is_required": "n", "var_filter": None}


NODE = ("hastwatch_node", "Whether it is a node of a pair", "Boolean")
PAIR = ("hastwatch_pair", "The nodes that take turns with this service address", "Array")
BY = ("hastwatch_by", "How Icinga's user becomes root on the node: sudo -n, or doas -n", "String")
SSH = ("hastwatch_ssh", "Whom to ask for a repair over ssh: [USER@]HOST or ssh://[USER@]HOST[:PORT]", "String")


def text(placement: Placement) -> str:
    """The file."""
    return json.dumps(basket(placement), indent=4, ensure_ascii=False) + "\n"


def basket(placement: Placement) -> dict[str, JSON]:
    """All objects, by type and name."""
    variables = fields()
    return {
        "Command": _by_name(_commands(placement, variables)),
        "HostGroup": _by_name([
            _group("hastwatch-nodes", "HAST nodes") | {"assign_filter": IS_NODE},
            _group("hastwatch-pairs", "HAST service addresses") | {"assign_filter": IS_PAIR},
        ]),
        "HostTemplate": _by_name(_hosts(variables)),
        "ServiceGroup": _by_name([_group("hastwatch", "Highly available NFS")]),
        "ServiceTemplate": _by_name(_templates(placement)),
        "ServiceSet": _by_name(_sets()),
        "Dependency": _by_name([_on_agent()]),
        "Datafield": {str(field.number): field.datafield for field in variables.values()},
    }  # fmt: skip


def fields() -> dict[str, Field]:
    """Every variable, by its name."""
    known = {name: (about, kind) for name, about, kind in (NODE, PAIR, BY, SSH)}
    for definition in definitions():
        for each in icinga2.arguments(definition):
            known[each.variable] = (each.option.about, _kind(each.option))
    return {name: Field(number, name, *text) for number, (name, text) in enumerate(known.items(), 1)}


def _kind(option: Option) -> str:
    return "Array" if option.repeatable else "String" if option.takes_value else "Boolean"


def _by_name(objects: Iterable[JSON]) -> JSON:
    return {str(each["object_name"]): each for each in objects}


# --- commands


def _commands(placement: Placement, variables: dict[str, Field]) -> Iterator[JSON]:
    for definition in definitions():
        yield _check(definition, placement, variables)
    values = {"state": icinga2.PAIR_STATE, "text": icinga2.PAIR_TEXT}
    arguments: JSON = {name: {"value": _function(body), "skip_key": True, "order": order}
                       for order, (name, body) in enumerate(values.items(), 1)}  # fmt: skip
    yield _command(icinga2.PAIR, "PluginCheck", icinga2.PAIR_DUMMY, arguments, [variables[PAIR[0]]])
    here = {"--hastwatch": placement.command("hastwatch"), "--by": f"${BY[0]}$"}
    yield _event(HANDLER, here, placement, variables[BY[0]]) | {"vars": {BY[0]: placement.by}}
    yield _event(HANDLER_OVER_SSH, {"--ssh": f"${SSH[0]}$"}, placement, variables[SSH[0]])


def _command(name: str, execute: str, line: str, arguments: JSON, used: Iterable[Field]) -> JSON:
    return {
        "object_name": name,
        "object_type": "object",
        "methods_execute": execute,
        "command": line,
        "timeout": TIMEOUT,
        "arguments": arguments,
        "fields": [each.use for each in used],
    }


def _check(definition: Definition, placement: Placement, variables: dict[str, Field]) -> JSON:
    arguments: JSON = {each.option.flag: each.settings for each in icinga2.arguments(definition)}
    for each in icinga2.arguments(definition):
        if each.variable in icinga2.defaults(definition):
            arguments[each.option.flag] = {
                **each.settings,
                "value": _function(_address(each.variable)),
                "set_if": " || ".join(f'string(macro("${name}$")) != ""' for name in (each.variable, *ADDRESSES)),
                "set_if_format": "expression",
            }
    used = [variables[each.variable] for each in icinga2.arguments(definition)]
    line = placement.command(definition.name)
    return _command(icinga2.command(definition.name), "PluginCheck", line, arguments, used)


def _address(variable: str) -> str:
    """What Icinga's template "ipv4-or-ipv6" does: Director knows no template of Icinga's own, for no API lists one."""
    return f"""\
if (macro("${variable}$")) {{
  return macro("${variable}$")
}}
if (macro("$address$") && !macro("$check_ipv6$") || macro("$check_ipv4$")) {{
  return macro("$address$")
}}
return macro("$address6$")
"""


def _function(body: str) -> JSON:
    """A value that Icinga computes."""
    return {"type": "Function", "body": body.rstrip("\n")}


def _event(name: str, way: dict[str, str], placement: Placement, field: Field) -> JSON:
    """An EventCommand; that of the node names the command, which may be elsewhere than the README has it."""
    line = " ".join((*icinga2.CLEAN, placement.command(HANDLER)))
    arguments: JSON = {flag: {"value": macro} for flag, macro in (EVENT | way).items()}
    arguments[OUTPUT[0]] = {"value": OUTPUT[1], "skip_key": True}
    return _command(name, "PluginEvent", line, arguments, [field])


# --- hosts and services


def _group(name: str, display: str) -> JSON:
    return {"object_name": name, "object_type": "object", "display_name": display}


def _hosts(variables: dict[str, Field]) -> Iterator[JSON]:
    """What makes a host one of ours. A node's agent is its endpoint, which Director makes of it."""
    yield _host(NODE_HOST, "hostalive", [variables[BY[0]]], check_interval=60, retry_interval=20, max_check_attempts=3,
                has_agent=True, accept_config=True, master_should_connect=True, vars={NODE[0]: True})  # fmt: skip
    pair = [variables[each] for each in (PAIR[0], SSH[0], "nfs_export_export")]
    yield _host(PAIR_HOST, icinga2.PAIR, pair, check_interval=30, retry_interval=10, max_check_attempts=2)


def _host(name: str, command: str, used: Iterable[Field], **properties: object) -> JSON:
    return {"object_name": name, "object_type": "template", "check_command": command,
            "fields": [each.use for each in used], **properties}  # fmt: skip


def _templates(placement: Placement) -> Iterator[JSON]:
    """One for all, one for those of a node, one for each check, and what else becomes a service."""
    yield _template(TEMPLATE, check_interval=60, retry_interval=20, max_check_attempts=3, enable_flapping=True,
                    groups=["hastwatch"])  # fmt: skip
    yield _template(ON_NODE, imports=[TEMPLATE], event_command=HANDLER, use_agent=True)
    for definition in definitions():
        imports = [ON_NODE if definition.on_node else TEMPLATE]
        own: JSON = {"check_interval": definition.interval} if definition.interval != EVERY_MINUTE else {}
        own |= {"notes_url": f"{placement.docs}/checks/{definition.name}.html"} if placement.docs else {}
        yield _template(_of(definition), imports=imports, check_command=icinga2.command(definition.name), **own)
        if not definition.on_node:
            yield _template(f"{_of(definition)}-ssh", imports=[_of(definition)], event_command=HANDLER_OVER_SSH)
    yield _template(AGENT, imports=[TEMPLATE], check_command="cluster-zone")


def _template(name: str, **properties: object) -> JSON:
    return {"object_name": name, "object_type": "template", "fields": [], **properties}


def _of(definition: Definition) -> str:
    return f"hastwatch-{definition.name}"


def _sets() -> Iterator[JSON]:
    """Those of a node; those of a service address, whose event handler is another one where it may ask over ssh."""
    on_node = {each.name: _of(each) for each in definitions() if each.on_node and each.name not in COMBINED}
    yield _set("hastwatch node", "Every check of a node of a pair, and whether its agent is connected", IS_NODE,
               on_node | {AGENT: AGENT})  # fmt: skip
    outside = {each.name: _of(each) for each in definitions() if not each.on_node}
    about = "The service address of a pair, as a client sees it"
    yield _set("hastwatch service address", about, f"{IS_PAIR}&host.vars.{SSH[0]}=false", outside)
    yield _set("hastwatch service address, repairs over ssh", f"{about}; {SSH[0]} is set",
               f"{IS_PAIR}&host.vars.{SSH[0]}=true",
               {name: f"{template}-ssh" for name, template in outside.items()})  # fmt: skip


def _set(name: str, about: str, hosts: str, services: dict[str, str]) -> JSON:
    made = {service: {"object_name": service, "object_type": "object", "imports": [template], "fields": []}
            for service, template in services.items()}  # fmt: skip
    return {"object_name": name, "object_type": "template", "description": about, "assign_filter": hosts,
            "services": made}  # fmt: skip


def _on_agent() -> JSON:
    """Without its agent a node's checks are UNKNOWN: one message is enough."""
    return {"object_name": AGENT, "object_type": "apply", "apply_to": "service", "parent_service": AGENT,
            "states": ["OK", "Warning"], "disable_notifications": True,
            "assign_filter": f"{IS_NODE}&service.command_endpoint=true"}  # fmt: skip
