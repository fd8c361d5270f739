"""The exit statuses that each help says are those of one table, and the ones that the code ends with."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from remediate import exits
from remediate.failover.converge import ConvergeResult
from remediate.subcommands import caller
from remediate.subcommands.registry import SUBCOMMANDS

PASSES_ON = "answer"
"""It ends with the status of the command that it answers with."""
SUBMODULES = {name: import_module(module) for name, (module, _) in SUBCOMMANDS.items() if name != PASSES_ON}

FRAMED = [name for name, module in SUBMODULES.items() if "caller.run(" in inspect.getsource(module)]
"""Those that `caller.run` runs."""


def said(module: ModuleType) -> dict[int, str]:
    """The exit statuses of a help, and what each means."""
    described = " ".join(str(module.parser().description).split())
    paragraphs = re.findall(r"Exit status: (.*?)\.(?=$| )", described)
    assert len(paragraphs) == 1
    return {int(status): words for status, words in re.findall(r"(\d+) (.*?)(?=, \d+ |$)", paragraphs[0])}


@pytest.mark.parametrize("name", SUBMODULES)
def test_every_help_says_success_wrong_usage_and_a_full_output(name: str) -> None:
    assert {0, exits.USAGE, exits.NOT_PRINTED} <= said(SUBMODULES[name]).keys()


@pytest.mark.parametrize("name", SUBMODULES)
def test_what_a_help_says_is_the_table_or_its_own(name: str) -> None:
    module = SUBMODULES[name]
    for status, words in said(module).items():
        assert words == module.EXITS.get(status, exits.MEANS.get(status))


@pytest.mark.parametrize(
    "name", [name for name, module in SUBMODULES.items() if "caller.run(" in inspect.getsource(module)]
)
def test_what_looks_at_a_node_says_every_status_that_its_frame_ends_with(name: str) -> None:
    """`caller.run` is the frame: each status that it gives to `refuse` is in the help."""
    frame = ast.walk(ast.parse(inspect.getsource(caller.run)))
    given = {node.attr for node in frame if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "exits"}
    assert given == {"UNAVAILABLE", "INTERNAL", "NO_PROCESS", "CANNOT_KEEP", "NOT_PERMITTED", "CONFIG"}
    documented = said(SUBMODULES[name]).keys()
    acts = name != "journal"  # it only looks, which anybody may
    assert {getattr(exits, status) for status in given if acts or status != "NOT_PERMITTED"} <= documented


@pytest.mark.parametrize("name", ["converge", "clear", "promote"])
def test_a_convergence_ends_with_what_its_help_says(name: str) -> None:
    assert {result.value for result in ConvergeResult} <= said(SUBMODULES[name]).keys()


@pytest.mark.slow
def test_no_module_has_a_status_of_the_table_of_its_own() -> None:
    table = {name for name, value in vars(exits).items() if isinstance(value, int) and value in exits.MEANS}
    remediate = Path(exits.__file__).parent
    own = []
    for path in remediate.rglob("*.py"):
        if path == Path(exits.__file__):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).strip("()").replace(", ", "").isdigit():
                names = {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
                own += [f"{path.relative_to(remediate)}: {name}" for name in names & table]
    assert own == []
