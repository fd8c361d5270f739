"""`hastwatch promote`: start the service here by an operator's decision, even if hastwatch would not.

    hastwatch promote
    hastwatch promote -r home --accept-data-loss

The service address must already be here. --accept-data-loss promotes a copy that is known to lack writes, or that may
lack those of the other node because this node was booted alone. The missing writes are lost as soon as this copy is
written to, and gone from both copies once the other one follows it. The command asks for the resource's name first. It
promotes the losing copy of a split-brain only if the other copy has been recreated since. It overrides nothing else:
maintenance, a disk without metadata, a peer that holds the resource and a hastd that failed as primary still forbid a
promotion.
"""

from __future__ import annotations

import argparse
import sys

from checks.probes.carp import CarpState
from remediate import exits, local
from remediate.arguments import Parser, resource_name
from remediate.context import Context
from remediate.failover import known_bug
from remediate.failover.converge import ConvergeRequest, converge
from remediate.failover.errors import StepFailed
from remediate.failover.facts import Peer, Split
from remediate.failover.observe import Observation, observe
from remediate.invocation import OWN, Invocation
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter, end

PROG = "hastwatch promote"
EXITS = {
    0: "in place",
    1: "refused, not confirmed, or failed, and the reason is reported",
    75: "another convergence runs",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    return caller.run(PROG, options, lambda context: act(context, options), invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("-r", "--resource", action="append", default=[], type=resource_name, metavar="RES",
                      help="only this resource; may be repeated (default: all)")  # fmt: skip
    parser.add_argument(
        "--accept-data-loss", action="store_true", help="promote even a copy that lacks writes, or may lack them"
    )
    caller.add_yes(parser)
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Look, say what it would cost, ask, do it; the exit status. Raises what `caller.run` tells of."""
    only = tuple(caller.named(context, options.resource))
    observation = observe(context)
    going_up = [name for name in only if not observation.facts.resources[name].active]
    if not going_up:
        context.console.out.write("in place: served from this node already\n")
        return 0
    costs = {name: costs_much for name in going_up if (costs_much := cost(context, observation, name))}
    refuse_impossible(observation, going_up, {} if options.accept_data_loss else costs)
    question = "\n".join(f"{name}: {costs_much}; what it lacks is lost." for name, costs_much in costs.items())
    asked = question or f"Take {', '.join(going_up)} into service on {observation.facts.name}."
    if known := known_bug.here(context):
        context.console.out.write(f"{known}\n")
    caller.confirm(context.console, options, asked)
    progress = StepPrinter(context)
    request = ConvergeRequest(f"human {context.console.user}", accept_loss=bool(costs), only=tuple(going_up))
    return end(PROG, converge(context, request, progress), progress)


def cost(context: Context, observation: Observation, name: str) -> str:
    """Why the copy lacks writes, or may lack them; empty where it would be promoted without being asked."""
    remarks, waits = observation.facts.said[name], context.config.failover.boot_alone == "wait"
    return remarks.stale or (f"this copy may lack what the other node wrote after it: {remarks.unheard}"
                          if waits and remarks.unheard else "")  # fmt: skip


def refuse_impossible(observation: Observation, names: list[str], costs: dict[str, str]) -> None:
    """Raise StepFailed with the reason where a promotion would be refused anyway."""
    facts = observation.facts
    if facts.node.maintenance:
        raise StepFailed(f"maintenance: {facts.maintenance} (hastwatch maintenance off)")
    if facts.node.blocked:
        raise StepFailed(f"{facts.blocked} (hastwatch clear)")
    if facts.node.cannot_be_primary and any(facts.resources[name].peer is not Peer.GONE for name in names):
        raise StepFailed(f"hastd does not work as primary: {facts.cannot_be_primary} (hastwatch clear tries it again)")
    for name in names:
        state = facts.resources[name]
        if state.carp is None:
            raise StepFailed(f"{name}: {facts.said[name].carp}")
        if state.carp is not CarpState.MASTER:
            raise StepFailed(no_address(observation, name, state.carp))
        if state.split is Split.LOSING:
            raise StepFailed(f"{name}: a split-brain is not resolved, and this is or may be the losing copy")
        if state.no_copy:
            raise StepFailed(f"{name}: {facts.said[name].no_copy}")
        if name in costs:
            raise StepFailed(f"{name}: {costs[name]}; --accept-data-loss promotes it all the same")


def no_address(observation: Observation, name: str, state: CarpState) -> str:
    """That the address is not here, and how it comes here."""
    mine = observation.places[name].speaking(observation.vhids)
    forced = "; ".join(f"ifconfig {vhid.interface} vhid {vhid.number} state master" for vhid in mine[:1])
    return (
        f"{name}: CARP is {state.value} here, and the service address has to be here first: `hastwatch switchover` on "
        f"the node that has it; where that node serves nothing, `{forced}` here (see also `hastwatch hold`)"
    )


if __name__ == "__main__":
    sys.exit(main())
