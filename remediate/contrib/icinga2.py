"""Icinga 2: a CheckCommand for every check, and the EventCommands that ask for a repair.

In the form of Icinga's Template Library (its documentation: 10-icinga-template-library, Plugin Check Commands): a
CheckCommand has the name of its plugin without `check_`, every option is an argument with a variable of its own, and
the variable begins with the name of the command. `$service.check_command$` tells the event handler which check it was.

No variable stands in for another one that may be unset: what is not set is left out of a command line, but through
`command_endpoint` the agent gets an empty word in its place where another variable refers to it (Icinga 2.13).
"""

from __future__ import annotations

import json
from textwrap import indent
from typing import NamedTuple

from remediate.contrib.definitions import Definition, Option, definitions
from remediate.contrib.placement import Placement

CHECK_ADDRESS = "$check_address$"
"""Where Icinga's template "ipv4-or-ipv6" has put a host's own address."""
ADDRESS = "host"
"""The option of a check from outside that says whom to ask: by default the host's own address."""
HANDLER = "hastwatch-event-handler"
"""The EventCommand that runs on the node itself, and the program of both."""
HANDLER_OVER_SSH = "hastwatch-event-handler-ssh"
"""The EventCommand of a service that is looked at from outside."""
PAIR = "hastwatch-pair"
"""The CheckCommand of the host that is a service address."""
PAIR_DUMMY = "check_dummy"
"""The plugin that says what PAIR_STATE has found; of the monitoring plugins, like the check_ping of `hostalive`."""
PAIR_STATE = """\
for (name in macro("$hastwatch_pair$")) {
  var node = get_host(name)
  if (!node || !node.last_check_result || node.state == 0) {
    return "0"
  }
}
return "2"
"""
"""A function of Icinga's language: 2, which is DOWN, where all nodes of the pair are."""
PAIR_TEXT = """return "a node of " + macro("$hastwatch_pair$").join(", ") + " has to be up"\n"""
CLEAN = ("/usr/bin/env", "-i", "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
"""Before an event handler: it would inherit all that the daemon has in its environment."""
EVENT = {
    "--check": "$service.check_command$",
    "--state": "$service.state$",
    "--type": "$service.state_type$",
    "--attempt": "$service.check_attempt$",
    "--downtime": "$service.downtime_depth$",
    "--flapping": "$service.flapping$",
    "--host": "$host.name$",
    "--service": "$service.name$",
}
"""What an event handler is told: its options, and where Icinga has the values. No shell comes near them."""
OUTPUT = ("--output", "--output=$service.output$")
"""The option whose value is not ours: in one word with it, whatever it begins with."""

HEAD = """\
/* hastwatch's commands for Icinga 2, made by `hastwatch contrib icinga2` from the checks' own options: do not edit.
 *
 * All endpoints that run a check need this file, agents too: put it into a global zone (zones.conf.sample).
 * An endpoint that has the programs elsewhere says so in its constants.conf: const HastwatchDir = "/opt/hastwatch/bin"
 */

if (!globals.contains("HastwatchDir")) {{
  const HastwatchDir = {directory}
}}
"""
CHECK = """
/* {title} */
object CheckCommand {name} {{
{imports}  command = [ HastwatchDir + {program} ]

  arguments = {{
{arguments}
  }}
{defaults}}}
"""
PAIRED = """
/* The host that is a service address is down when all its nodes are. Where a node is seen for the first time, or is not
 * known, it counts as up. */
object CheckCommand {name} {{
  command = [ PluginDir + {program} ]

  arguments = {{
    "state" = {{
      value = {{{{
{state}
      }}}}
      skip_key = true
      order = 1
    }}
    "text" = {{
      value = {{{{
{text}
      }}}}
      skip_key = true
      order = 2
    }}
  }}
}}
"""
EVENTS = """
/* What every event handler is told. */
template EventCommand "hastwatch-event" {{
  command = [ {command}, HastwatchDir + {program} ]

  arguments = {{
{arguments}
    {output} = {{
      value = {output_value}
      skip_key = true
    }}
  }}
}}

/* On the node itself, for services with a command_endpoint there. hastwatch_by: how Icinga's user becomes root. */
object EventCommand {handler} {{
  import "hastwatch-event"

  arguments += {{
    "--by" = "$hastwatch_by$"
    "--hastwatch" = HastwatchDir + "/hastwatch"
  }}

  vars.hastwatch_by = {by}
}}

/* From the monitoring host, for a service that is looked at from outside. hastwatch_ssh: as whom and where, such as
 * "nagios@nfs.example.org"; the key's forced command there is that of `hastwatch contrib authorized-keys`. Behind a
 * service address are two host keys: known_hosts of Icinga's user needs a line for each. */
object EventCommand {handler_over_ssh} {{
  import "hastwatch-event"

  arguments += {{
    "--ssh" = "$hastwatch_ssh$"
  }}
}}
"""


class Argument(NamedTuple):
    """An option of a check as an argument of its command."""

    option: Option
    variable: str

    @property
    def settings(self) -> dict[str, str | bool]:
        """The keys of a command argument (CheckCommand in Icinga's object types; Director has the same)."""
        macro = f"${self.variable}$"
        if not self.option.takes_value:
            return {"set_if": macro, "description": self.option.about}
        repeated = {"repeat_key": True} if self.option.repeatable else {}
        return {"value": macro, **repeated, "description": self.option.about}


def text(placement: Placement) -> str:
    """The file."""
    checks = "".join(_check(definition) for definition in definitions())
    return HEAD.format(directory=quoted(placement.directory)) + checks + _pair() + _events(placement)


def arguments(definition: Definition) -> list[Argument]:
    """The arguments of a check's command."""
    return [Argument(option, variable(definition, option)) for option in definition.options]


def command(name: str) -> str:
    """The name of a check's CheckCommand."""
    return name.removeprefix("check_")


def variable(definition: Definition, option: Option) -> str:
    """The name of the variable behind an option."""
    return f"{command(definition.name)}_{option.name}"


def defaults(definition: Definition) -> dict[str, str]:
    """The variables of a command that have a value by default."""
    return {variable(definition, option): CHECK_ADDRESS for option in definition.options if option.name == ADDRESS}


def imports(definition: Definition) -> tuple[str, ...]:
    """The templates of Icinga's own that a command needs: what sets `check_address`."""
    return () if definition.on_node else ("ipv4-or-ipv6",)


def quoted(words: str) -> str:
    """A string of Icinga's language, which escapes as JSON does."""
    return json.dumps(words, ensure_ascii=False)


def _check(definition: Definition) -> str:
    return CHECK.format(
        title=definition.check.title,
        name=quoted(command(definition.name)),
        imports="".join(f"  import {quoted(each)}\n\n" for each in imports(definition)),
        program=quoted(f"/{definition.name}"),
        arguments="\n".join(_argument(argument, defaults(definition)) for argument in arguments(definition)),
        defaults="".join(f"\n  vars.{name} = {quoted(macro)}\n" for name, macro in defaults(definition).items()),
    )


def _argument(argument: Argument, defaults: dict[str, str]) -> str:
    """Where the default is empty, as for a host without an address, no argument is meant."""
    lines = [f"      {key} = {_value(value)}" for key, value in argument.settings.items()]
    if argument.variable in defaults:
        lines.append(f'      set_if = {{{{ string(macro("${argument.variable}$")) != "" }}}}')
    return "\n".join([f"    {quoted(argument.option.flag)} = {{", *lines, "    }"])


def _value(value: str | bool) -> str:
    return quoted(value) if isinstance(value, str) else str(value).lower()


def _pair() -> str:
    state, text = (indent(body, " " * 8).rstrip("\n") for body in (PAIR_STATE, PAIR_TEXT))
    return PAIRED.format(name=quoted(PAIR), program=quoted(f"/{PAIR_DUMMY}"), state=state, text=text)


def _events(placement: Placement) -> str:
    return EVENTS.format(
        command=", ".join(quoted(word) for word in CLEAN),
        program=quoted(f"/{HANDLER}"),
        arguments="\n".join(f"    {quoted(flag)} = {quoted(macro)}" for flag, macro in EVENT.items()),
        output=quoted(OUTPUT[0]),
        output_value=quoted(OUTPUT[1]),
        handler=quoted(HANDLER),
        handler_over_ssh=quoted(HANDLER_OVER_SSH),
        by=quoted(placement.by),
    )
