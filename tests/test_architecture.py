"""The few rules of the structure: a check pays only for what it uses, and a decision hangs on no words."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from checks.registry import REGISTRY

ROOT = Path(__file__).resolve().parent.parent


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def test_a_probe_imports_neither_the_plugins_nor_what_they_need() -> None:
    """Which package may import which is in `test_layers.py`."""
    for path in (ROOT / "checks" / "probes").rglob("*.py"):
        never = ("checks.plugin", "nagiosplugin", "argparse")
        assert not [name for name in imported(path) if name.startswith(never)], path


def test_a_probe_imports_no_check() -> None:
    checks = {path.stem for path in (ROOT / "checks").glob("*.py")} - {"__init__"}
    for path in (ROOT / "checks" / "probes").glob("*.py"):
        assert not {
            name for name in imported(path) if name.split(".")[:1] == ["checks"] and name.split(".")[1] in checks
        }


@pytest.mark.slow
@pytest.mark.parametrize("module", [each.module for each in REGISTRY])
def test_a_check_starts_without_what_it_does_not_use(module: str) -> None:
    unwanted = [
        "psutil",
        "requests",
        "tempfile",
        "dataclasses",
        "json",
        "tomllib",
        "hashlib",
        "datetime",
    ]
    code = f"import sys, {module}; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_only_one_module_starts_processes() -> None:
    users = {path.name for path in (ROOT / "checks").rglob("*.py") if "subprocess" in imported(path)}
    assert users == {"process.py"}


def functions(path: Path, prefix: str) -> list[ast.FunctionDef]:
    """The functions of a module whose names begin so."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return [function for function in nodes if function.name.startswith(prefix)]


@pytest.mark.parametrize("path", sorted((ROOT / "checks").glob("*.py")), ids=lambda path: str(path.stem))
def test_a_judge_sees_what_was_read_and_neither_node_nor_session(path: Path) -> None:
    for function in functions(path, "judge"):
        names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
        assert not names & {"node", "session", "memory", "run", "clock"}, function.name


def test_every_check_has_judges() -> None:
    for each in REGISTRY:
        path = ROOT / f"{each.module.replace('.', '/')}.py"
        assert functions(path, "judge") and functions(path, "parts"), path


@pytest.mark.slow
def test_no_check_asks_the_clock_itself() -> None:
    """It is given one, so that a rehearsal may give its own."""
    for path in (ROOT / "checks").rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert "time.time" not in {ast.unparse(function) for function in calls}, path


SENTENCES = {"says", "said", "why", "words", "result", "purpose", "headline"}
"""Attributes that hold words made for people."""
READS = {"startswith", "endswith", "partition", "rpartition", "split", "removeprefix", "removesuffix", "find", "index"}


def is_words(node: ast.expr, errors: set[str]) -> bool:
    """Whether an expression is a sentence of ours: such an attribute, or the text of an exception."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        return any(isinstance(word, ast.Name) and word.id in errors for word in node.args)
    return isinstance(node, ast.Attribute) and node.attr in SENTENCES


def is_known(node: ast.expr) -> bool:
    """Whether an expression is a text that the code knows: written there, or a constant."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value != ""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Name) and node.id.isupper())


def decisions_on_words(tree: ast.Module) -> list[int]:
    """The lines in which a sentence is compared with what the code knows, searched or taken apart. Whether there is a
    sentence, and whether it is the same as before, may be asked."""
    errors = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name} | {"error"}
    lines: list[int] = []
    for node in ast.walk(tree):
        looked_at: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            known = node.left if isinstance(node.ops[0], ast.In | ast.NotIn) else next(filter(is_known, sides), None)
            looked_at = sides if known is not None and is_known(known) else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            looked_at = node.args if of_re else [node.func.value] if node.func.attr in READS else []
        lines += [each.lineno for each in looked_at if is_words(each, errors)]
    return lines


@pytest.mark.parametrize(
    ("line", "decides"),
    [
        ('"secondary" in asked.says', True),
        ("holder.purpose.endswith(PART)", True),
        ("re.search(PATTERN, str(error))", True),
        ("asked.says.partition(' ')[0]", True),
        ("done.words != DENIED", True),
        ("last.said != said", False),
        ("asked.peer is Peer.HOLDS", False),
        ("found.why != ''", False),
        ("print(asked.says)", False),
    ],
)
def test_a_decision_on_words_is_found(line: str, decides: bool) -> None:
    assert bool(decisions_on_words(ast.parse(line))) is decides


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["checks", "remediate", "hooks"])
def test_a_decision_hangs_on_an_enum_and_not_on_words(folder: str) -> None:
    """But for `checks/probes`, which read what programs print, the simulated programs, and what is told of a
    journal, on which nothing hangs."""
    for path in (ROOT / folder).rglob("*.py"):
        if not {"probes", "rehearsal", "timeline", "failovers.py", "journal_metrics.py"}.intersection(path.parts):
            assert (decisions_on_words(ast.parse(path.read_text())), path) == ([], path)


def lists_all_services(text: str) -> bool:
    """Whether a program of ours calls `service -e`, as words of a command or in a line of a shell."""
    for node in ast.walk(ast.parse(text)):
        words = node.elts if isinstance(node, ast.Tuple | ast.List) else node.args if isinstance(node, ast.Call) else []
        names = [each.value if isinstance(each, ast.Constant) else getattr(each, "id", "") for each in words]
        named = [isinstance(name, str) and name.lower().rpartition("/")[2] == "service" for name in names]
        if any(is_it and after == "-e" for is_it, after in zip(named, names[1:], strict=False)):
            return True
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"\S*service -e\b", node.value)
        for node in ast.walk(ast.parse(text))
    )


@pytest.mark.slow
def test_nothing_of_ours_asks_every_script_of_the_machine_whether_it_is_enabled() -> None:
    """`service -e` starts them all, one after the other: 8.9 s on the real pair (freebsd-facts:
    service-e-starts-every-script)."""
    assert lists_all_services('act((SERVICE, "-e"), 5)') and lists_all_services('run("service", "-e")')
    assert lists_all_services('x = "/usr/sbin/service -e"') and not lists_all_services('act((SERVICE, "nfsd"), 5)')
    programs = [path for folder in ("checks", "remediate", "hooks") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in programs if lists_all_services(path.read_text())] == []
    scripts = [path for folder in ("hooks", "contrib") for path in (ROOT / folder).rglob("*") if path.is_file()]
    scripts = [path for path in scripts if path.suffix != ".pyc"]
    lines = [line for path in scripts for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if re.search(r"\bservice\s+-e\b", line)] == []
