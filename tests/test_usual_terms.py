"""What people read uses the usual terms: messages, help, manual pages, samples and the documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
USUAL = {
    r"called for": "needed, required",
    r"asked too often": "too many requests",
    r"(went|go(es)?) different ways": "diverged",
    r"copies (have )?parted": "diverged",
    r"not done after": "timed out after",
    r"let(s|ting)? go( of)?": "release",
    r"not heeded": "ignored",
    r"(it )?is no JSON": "invalid JSON",
    r"as it must": "succeeded, as expected",
    r"g[ai]ve[ns]? away": "release, hand over",
    r"the way to the other node is not known": "`peer` is not configured",
    r"sound cop(y|ies)": "intact copy",
    r"what came (of it|out)": "the result",
    r"not to be had": "not available",
}
"""A phrase, as a regular expression, and what the field says instead."""
PHRASE = re.compile(r"\b(?:" + "|".join(USUAL) + r")\b", re.IGNORECASE)
TEXTS = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "commands"),
    *sorted((ROOT / "docs/man").iterdir()),
    *sorted(path for path in (ROOT / "contrib").rglob("*") if path.suffix in (".sample", ".conf", ".cfg", "")),
]
SOURCES = [
    path for name in ("checks", "remediate", "hooks", "simulator") for path in sorted((ROOT / name).rglob("*.py"))
]


def literals(tree: ast.Module) -> Iterator[str]:
    """The strings of a module, but for those that only document the code. `--help` prints the first one."""
    documents = {statement.value for statement in ast.walk(tree) if isinstance(statement, ast.Expr)}
    printed = any(isinstance(node, ast.Name) and node.id == "__doc__" for node in ast.walk(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documents:
            yield node.value
    if printed:
        yield ast.get_docstring(tree) or ""


def phrases(text: str) -> list[str]:
    """The phrases in a text for which there is a usual term, however its lines are broken."""
    return [match[0] for match in PHRASE.finditer(" ".join(text.split()))]


@pytest.mark.parametrize("path", [path for path in TEXTS if path.is_file()], ids=lambda path: path.name)
def test_a_page_uses_the_usual_terms(path: Path) -> None:
    assert phrases(path.read_text()) == []


def test_messages_and_help_use_the_usual_terms() -> None:
    wrong = [
        (str(path.relative_to(ROOT)), phrase)
        for path in SOURCES
        for text in literals(ast.parse(path.read_text()))
        for phrase in phrases(text)
    ]
    assert wrong == []


def test_a_phrase_is_found_across_a_line_break_and_not_inside_a_name() -> None:
    assert phrases("the repair is not called\n    for here") == ["called for"]
    assert phrases("`let_go` in the configuration, recalled forever") == []
