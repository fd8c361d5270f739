"""The commands of the monitoring host for Nagios: each check, and the event handler.

Nagios gives a command line to a shell, so whatever a macro holds stands in single quotes, and nagios.cfg has to take
the quotes out of what plugins print (illegal_macro_output_chars), as the one that comes with Nagios does.
"""

from __future__ import annotations

import textwrap
from math import ceil

from remediate.contrib.definitions import Definition, definitions
from remediate.contrib.placement import Placement

ABOUT = """\
# Nagios: the commands of the monitoring host. Name it in nagios.cfg with cfg_file, and hastwatch-templates.cfg with it.
# Generated: `hastwatch contrib nagios`, which knows --directory.
#
# Nagios runs a command through a shell. What a plugin prints stands in single quotes below, and cannot leave them as
# long as nagios.cfg says what the one that comes with Nagios says (without the line nothing is taken out of a macro):
#     illegal_macro_output_chars=`~$&|'"<>

define command {
    command_name    hastwatch-host-alive
    command_line    $USER1$/check_ping -H '$HOSTADDRESS$' -w 3000,80% -c 5000,100% -p 3
}

# Whether NRPE answers at all: the checks of a node depend on it. No answer is UNKNOWN (-u): the node may be well.
define command {
    command_name    hastwatch-nrpe
    command_line    $USER1$/check_nrpe -H '$HOSTADDRESS$' -u -t 20:3
}
"""
NODE = """
define command {{
    command_name    hastwatch-{name}
    command_line    $USER1$/check_nrpe -H '$HOSTADDRESS$' -u -t {seconds}:3 -c {name}
}}
"""
NRPE, MARGIN = 20, 5
"""Seconds that check_nrpe waits: longer than a check takes, which then says itself what it could not read."""
OUTSIDE = """
# As a client sees the service, from here: the host of the service is the service address. $ARG1$ is for more options,
# as in hastwatch-{name}!--export /hast/home=10.1.101.0/24 ({name} --help):
{options}
define command {{
    command_name    hastwatch-{name}
    command_line    {command} -H '$HOSTADDRESS$' $ARG1$
}}
"""
HANDLERS = """
# The event handler. Nagios has no macro for flapping, so the per cent of change stand for it. The node is asked for a
# repair through its NRPE, or through ssh, where `hastwatch contrib authorized-keys` leaves a key nothing but repairs.
"""
HANDLER = """\
define command {{
    command_name    hastwatch-event-handler-{way}
    command_line    {command} {options} --{way}='$HOSTADDRESS$'
}}
"""
MACROS = (
    ("--check", "$_SERVICEHASTWATCH_CHECK$"),
    ("--state", "$SERVICESTATE$"),
    ("--type", "$SERVICESTATETYPE$"),
    ("--attempt", "$SERVICEATTEMPT$"),
    ("--downtime", "$SERVICEDOWNTIME$"),
    ("--state-change", "$SERVICEPERCENTCHANGE$"),
    ("--host", "$HOSTNAME$"),
    ("--service", "$SERVICEDESC$"),
    ("--output", "$SERVICEOUTPUT$"),
)
"""What the event handler is told; written with `=`, because a status line may begin with a dash."""
WAYS = ("nrpe", "ssh")
GIVEN = ("host",)
"""Options of the check from outside that its command line has already."""
WIDTH = 118


def text(placement: Placement) -> str:
    """The file."""
    blocks = [ABOUT]
    for each in definitions():
        blocks.append(
            NODE.format(name=each.name, seconds=_seconds(each)) if each.on_node else _outside(placement, each)
        )
    handler = placement.command("hastwatch-event-handler")
    options = " ".join(f"{flag}='{macro}'" for flag, macro in MACROS)
    sections = [HANDLER.format(way=way, command=handler, options=options) for way in WAYS]
    return "".join([*blocks, HANDLERS, "\n".join(sections)])


def _seconds(each: Definition) -> int:
    """Below `service_check_timeout` of nagios.cfg, which is 60 by default."""
    return max(NRPE, ceil(each.check.timeout) + MARGIN)


def _outside(placement: Placement, each: Definition) -> str:
    offered = [option.flag for option in each.options if option.name not in GIVEN]
    lines = textwrap.wrap(", ".join(offered), WIDTH, initial_indent="#   ", subsequent_indent="#   ",
                          break_on_hyphens=False)  # fmt: skip
    return OUTSIDE.format(name=each.name, command=placement.command(each.name), options="\n".join(lines))
