"""What a check is going to ask of its nodes, asked ahead: each node once, both at the same time.

Nothing is judged here, and nothing depends on it: what was not asked ahead is asked when it is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from checks.probes import hast_conf, maintenance
from checks.probes.ahead import MOST, is_worth_it
from checks.probes.errors import ProbeError

if TYPE_CHECKING:
    from checks.plugin.config import CheckConfig
    from checks.plugin.session import Session
    from checks.probes.node import Node

Questions = tuple[tuple[str, ...], ...]
"""Command lines of `checks.probes.node.TOOLS`; in them {name} is each resource, {point} its mount point."""
OF_ALL: Questions = (("hostname",), ("cat", hast_conf.PATH), ("cat", maintenance.PATH))


def ask_ahead(session: Session, questions: Questions, led_to: Callable[[Node], Sequence[tuple[str, ...]]]) -> None:
    """Ask the nodes that the check looks at the questions, then what the answers of each have led to. Raises
    nothing."""
    asked = [node for node in session.nodes if is_worth_it(node.via)] if questions else []
    if session.here in asked:  # its hast.conf names the resources
        session.here.ask_ahead(filled(questions, session.config, session.config.resource))
    known = filled(questions, session.config, known_names(session))

    def ask(node: Node) -> None:
        for begin in range(0, len(known), MOST):
            node.ask_ahead(known[begin : begin + MOST])
        with suppress(ProbeError):
            node.ask_ahead(led_to(node))

    threads = [threading.Thread(target=ask, args=(node,)) for node in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def known_names(session: Session) -> list[str]:
    """The resources that the check is about, as far as that is known without the other node."""
    try:
        return session.options.resource or list(hast_conf.configured(session.here))
    except ProbeError:
        return []


def filled(questions: Iterable[tuple[str, ...]], config: CheckConfig, names: Iterable[str]) -> list[tuple[str, ...]]:
    """The questions with names and mount points in the place of their marks; without names those that have no mark."""
    lines = list(OF_ALL)
    for question in questions:
        if not any("{" in word for word in question):
            lines.append(question)
            continue
        for name in names:
            point = config.for_resource(name).mount_point
            lines.append(tuple(word.replace("{name}", name).replace("{point}", point) for word in question))
    return lines
