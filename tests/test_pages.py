"""What the pages name exists: links and anchors, command lines and their options, files, manual pages."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from checks.plugin.command import parser
from checks.registry import REGISTRY
from docs import site
from remediate.events import handler
from remediate.subcommands.registry import SUBCOMMANDS
from tests.expected import RECORDINGS, run

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
COMMANDS = DOCS / site.COMMANDS
PAGES = [ROOT / "README.md", *(page for page in sorted(DOCS.rglob("*.md")) if COMMANDS not in page.parents)]
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
GLOSSARY = DOCS / "glossary.md"
BLOCK = re.compile(r"^(?: {4}|\t)+(?P<line>\S.*)$", re.MULTILINE)
INLINE = re.compile(r"(?<!`)`(?P<code>[^`\n]+(?:\n[^`\n]+)?)`(?!`)")
OURS = re.compile(
    r"(?:\$ |# )?(?:/usr/local/hastwatch/bin/|\./)?(?P<line>(?:hastwatch|check_[a-z_]+)(?:[ -].*|$))", re.DOTALL
)
SHELL = re.compile(r"\s(?:[|&;>#]|&&).*$|\s*;\s*$", re.DOTALL)
"""What follows a command line in the shell."""
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z-]+\b|…|\.\.\.|\[|\|")
OF_OTHERS = {"check_nrpe"}
FILE = re.compile(r"(?:docs|contrib|tests|checks|remediate|simulator|hooks)/[\w./-]*[\w/]")
QUICK_START = re.compile(r"^ {4}# \./(?P<command>check_\w+.*)\n {4}(?P<output>.*)$", re.MULTILINE)


def of_page(page: Path) -> str:
    """How a test names a page."""
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The ids that a page sets itself, and those of its headings: small letters, hyphens for spaces, no other marks."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Each link of a page: itself, the file it leads to, and its anchor. Notes are read as parts of a check's page."""
    place = DOCS / "checks" / page.name if page.parent.name == "notes" else page
    for link in LINK.finditer(page.read_text()):
        yield link[0], (place.parent / link["path"]).resolve() if link["path"] else place, link["anchor"] or ""


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link, target, anchor in links(page):
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_glossary_is_in_order_and_says_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+?) \| (?!what it means)[^-]", GLOSSARY.read_text(), re.MULTILINE)
    assert len(words) > 20 and words == sorted(set(words))


def test_a_heading_has_the_anchor_of_the_web() -> None:
    assert "what-is-done-in-which-order" in anchors(DOCS / "failover.md")


# --- commands and options --------------------------------------------------------------------------------------


class NoSuchCommand(Exception):
    """A command line that no command of ours has; the text says why."""


def parser_of(words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser of a command line, and the words that it is given. Raises NoSuchCommand."""
    name, *rest = words
    checks = {each.name: each for each in REGISTRY}
    if name in checks:
        return parser(checks[name].load()), rest
    if name.startswith("hastwatch-event-handler"):
        return handler.parser(), rest
    if name != "hastwatch" or not rest or rest[0] not in SUBCOMMANDS:
        raise NoSuchCommand(f"no command {' '.join(words[:2])}")
    made: argparse.ArgumentParser = import_module(SUBCOMMANDS[rest[0]][0]).parser()
    return made, rest[1:]


def known_options(made: argparse.ArgumentParser, words: list[str]) -> set[str]:
    """The options of a parser, and of the command within it that the words name."""
    options = {flag for action in made._actions for flag in action.option_strings}
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction) and words and words[0] in action.choices:
            options |= known_options(action.choices[words[0]], words[1:])
    return options


def command_lines(page: Path) -> Iterator[tuple[str, bool]]:
    """Each command line of ours that a page has, and whether it stands in a block, to be typed as it is."""
    text = page.read_text()
    for code, typed in [
        *((match["line"], True) for match in BLOCK.finditer(text)),
        *((match["code"], False) for match in INLINE.finditer(text)),
    ]:
        for part in re.split(r"\s&&\s", code):
            match = OURS.fullmatch(" ".join(part.split()))
            if match and not re.match(r"(hastwatch( [a-z-]+)?|check_\w+):|hastwatch-(?!event-handler)", match["line"]):
                yield SHELL.sub("", match["line"]), typed


def refused(line: str, typed: bool) -> str:
    """Why a command line does not exist, or empty. One to be typed that has no placeholder has to be accepted whole."""
    try:
        words = shlex.split(line)
    except ValueError:
        return ""
    if words in (["hastwatch"], ["hastwatch", "--version"]) or words[0] in OF_OTHERS:
        return ""
    if words[:2] == ["hastwatch", "explain"]:
        return "" if words[2:] == ["REASON"] or set(words[2:]) <= set(site.reasons()) else "no such reason"
    if words[1:2] == ["--node"]:  # of the hastwatch that `hastwatch pair env` puts into PATH
        del words[1:3]
    try:
        made, rest = parser_of(words)
    except NoSuchCommand as error:
        return str(error)
    own = rest[: rest.index("--")] if "--" in rest else rest
    options = {word.partition("=")[0] for word in own if re.fullmatch(r"-[A-Za-z]|--[a-z][a-z0-9-]*(=.*)?", word)}
    if unknown := options - known_options(made, own):
        return f"no option {', '.join(sorted(unknown))}"
    if not typed or PLACEHOLDER.search(line) or "--help" in rest:
        return ""
    try:
        made.parse_args(own)
    except SystemExit:
        return "not accepted"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_command_line_is_one_that_the_real_parsers_accept(page: Path) -> None:
    wrong = {line: why for line, typed in command_lines(page) if (why := refused(line, typed))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("hastwatch converge --dry-run", ""),
        ("hastwatch converge --dryrun", "no option --dryrun"),
        ("hastwatch heal", "no command hastwatch heal"),
        ("hastwatch explain hast-degraded", ""),
        ("hastwatch explain hast-broken", "no such reason"),
        ("check_hast --hook x", "no option --hook"),
        ("hastwatch maintenance on --for 2h", "not accepted"),
        ("hastwatch submit --to icinga -- check_hast --anything", ""),
    ],
)
def test_a_command_line_that_does_not_exist_is_found(line: str, why: str) -> None:
    assert refused(line, typed=True) == why


def test_an_option_on_a_check_s_page_is_one_of_that_check() -> None:
    for each in REGISTRY:
        options = known_options(parser(each.load()), [])
        text = (DOCS / "checks" / f"{each.name}.md").read_text()
        named = {
            match["code"].split()[0].partition("=")[0] for match in INLINE.finditer(text) if match["code"][:2] == "--"
        }
        assert named <= options, each.name


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_what_is_typed_for_nfs_works_although_rc_conf_does_not_start_it(page: Path) -> None:
    if page.name == "freebsd-facts.md":  # tells of pairs whose rc.conf starts NFS
        return
    assert re.findall(r"service (?:mountd|nfsd) (?!one)\w+", page.read_text()) == []


def test_a_check_s_page_says_how_often_and_how_long_it_runs() -> None:
    for name, rows in {
        "check_hast": ["| How often | once a minute |", "| Time | 8 s at most"],
        "check_hast_setup": ["| How often | once an hour |", "| Time | 45 s at most"],
        "check_nfs_export": ["| How often | every 30 s |", "| Time | 8 s at most"],
        "check_hast_pair": ["| How often | once a minute |", "| Time | 20 s at most"],
    }.items():
        text = (DOCS / "checks" / f"{name}.md").read_text()
        assert [row for row in rows if row not in text] == [], name


def test_a_list_in_the_help_of_a_check_is_one_on_its_pages() -> None:
    for page in ("checks/check_hast_setup.md", "man/check_hast_setup.1"):
        assert "\nclock       what sets the clocks, and whether they agree\n" in (DOCS / page).read_text()


def test_a_manual_page_describes_every_argument_and_brackets_what_may_be_left_out() -> None:
    pages = {path.name: path.read_text() for path in (DOCS / "man").iterdir()}
    assert [name for name, text in pages.items() if re.search(r"^None$", text, re.MULTILINE)] == []
    assert "\n.Op Ar REASON\n" in pages["hastwatch-explain.8"]
    assert "\n.It Fl -watch Ar [SECONDS]\n" in pages["hastwatch-status.8"]


# --- files and manual pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_file_of_the_project_that_a_page_names_exists(page: Path) -> None:
    codes = [match["code"].partition("::")[0] for match in INLINE.finditer(page.read_text())]
    named = {code for code in codes if FILE.fullmatch(code) and not re.search(r"[A-Z]{4}|\.\.", code)}
    assert {name for name in named if not (ROOT / name).exists() and name != f"docs/{site.COMMANDS}"} == set()


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_manual_page_of_ours_that_a_page_names_exists(page: Path) -> None:
    pages = {path.name for path in (DOCS / "man").iterdir()}
    named = {f"{match['name']}.{match['section']}" for match in site.MANUAL.finditer(page.read_text())}
    assert named <= pages


# --- the quick start -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "start" / "checks.md"], ids=of_page)
def test_the_quick_start_prints_what_it_promises(page: Path) -> None:
    promised = {match["command"]: match["output"] for match in QUICK_START.finditer(page.read_text())}
    assert len(promised) == 2
    node = RECORDINGS / "healthy" / "nfs001"
    assert {command: run(node, command).output for command in promised} == promised


# --- the site ------------------------------------------------------------------------------------------------------


def test_a_new_runbook_appears_in_the_index_and_where_its_reason_is_listed() -> None:
    index = site.with_index(f"# Runbooks\n\n{site.INDEX}\n", {"hast-degraded"})
    assert "| [`hast-degraded`](runbooks/hast-degraded.md) | CRITICAL | check_hast |" in index
    assert "| `hast-role-init` | CRITICAL | check_hast |" in index
    assert "\nrunbooks/*\n" in index
    row = "| `hast-degraded` | CRITICAL |"
    assert site.linked(row, "checks/check_hast", {"hast-degraded"}).startswith("| [`hast-degraded`](../runbooks/hast-")
    assert site.linked(row, "reasons", set()) == row
    see = "see `hastwatch explain hast-degraded`"
    linked = "see [`hastwatch explain hast-degraded`](../runbooks/hast-degraded.md)"
    assert site.linked(see, "runbooks/hast-role-init", {"hast-degraded"}) == linked


def test_a_manual_page_is_linked_in_text_and_not_in_code_or_headings() -> None:
    text = "# hastwatch(8)\n\nSee hastwatch-pair(8) and `hastwatch(8)`, not hastd(8).\n"
    linked = site.with_manual_links(text, "rehearse")
    assert linked == text.replace("hastwatch-pair(8)", "[hastwatch-pair(8)](commands/hastwatch-pair.md)")
