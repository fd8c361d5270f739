"""The CheckCommands of contrib/icinga2 as Icinga's Template Library documents its own (10-icinga-template-library)."""

from __future__ import annotations

from remediate.contrib import icinga2
from remediate.contrib.definitions import Definition, definitions

HEAD = """\
# Commands for Icinga 2

`hastwatch contrib icinga2` prints them, `contrib/icinga2/hastwatch-commands.conf` has them, and so has the basket for
Icinga Director. They have the form of Icinga's Template Library: the name of the plugin without `check_`, and variables
that begin with the name of the command. Set them on a service, or on a host for all services that use the command.

What all checks of a node need, such as `via` and `peer`, is better said once in its `hastwatch.toml`
([monitoring.md](monitoring.md)): then no variable is needed.
"""


def page() -> str:
    """The page, Markdown."""
    return "\n".join([HEAD, *map(section, definitions()), events()])


def section(definition: Definition) -> str:
    """A command."""
    name = icinga2.command(definition.name)
    where = "on the node" if definition.on_node else "from the zone of the service address"
    lines = [f"## {name}", "", f"[{definition.name}](checks/{definition.name}.md), run {where}.", ""]
    lines += ["Custom variables passed as command parameters:", "", "| name | description |", "|---|---|"]
    defaults = icinga2.defaults(definition)
    for argument in icinga2.arguments(definition):
        about = argument.option.about
        if argument.variable in defaults:
            about = f"{about}. Defaults to `{defaults[argument.variable]}`"
        lines.append(f"| {argument.variable} | **Optional.** {_array(argument)}{about.replace('|', chr(92) + '|')}. |")
    return "\n".join([*lines, ""])


def _array(argument: icinga2.Argument) -> str:
    return "An array. " if argument.option.repeatable else "" if argument.option.takes_value else "A boolean. "


def events() -> str:
    """The event commands."""
    return "\n".join([
        "## Event commands",
        "",
        "| command | variable | description |",
        "|---|---|---|",
        f"| {icinga2.HANDLER} | hastwatch_by | **Optional.** How Icinga's user becomes root on the node: `sudo -n`, or "
        "`doas -n`. Defaults to `sudo -n`. |",
        f"| {icinga2.HANDLER_OVER_SSH} | hastwatch_ssh | **Required.** Whom to ask over ssh: `[USER@]HOST` or "
        "`ssh://[USER@]HOST[:PORT]`. |",
        "",
    ])  # fmt: skip
