"""Write what follows from the code: the manual pages, the reference of all reasons, what is generated in contrib/.

python docs/generate.py           writes docs/man, docs/checks, docs/checks.md, docs/icinga2-commands.md,
                                   docs/reasons.md, the files of `hastwatch contrib`, and the lists of checks in
                                   README.md and in contrib's other files
python docs/generate.py --check    writes nothing; exit status 1 where they are not what would be written
"""

import sys
from collections.abc import Container
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from checks import VERSION
from checks.plugin.command import CheckCommand
from checks.plugin.finding import COULD_NOT_LOOK, Row
from checks.registry import REGISTRY
from docs import check_pages, icinga2_page
from docs import pages as manual_pages
from remediate.contrib import lists, pair_objects
from remediate.subcommands.contrib import GENERATED
from remediate.subcommands.contrib import text as contrib

DOCS = ROOT / "docs"


def commands() -> list[CheckCommand]:
    """The checks, by name."""
    return [each.load() for each in sorted(REGISTRY)]


def reasons() -> str:
    """All reasons of all checks, as a page to link runbooks to."""
    lines = ["# Reasons", "", f"What the checks of hastwatch {VERSION} can find, by the names they print in brackets,"]
    lines += ["that `--severity` and the configuration override, and that event handlers and runbooks refer to.", ""]
    for check in commands():
        lines += [f"## {check.name}", "", *TABLE_HEAD]
        lines += [*map(table_row, check.table.own), ""]
    lines += ["## every check", "", *TABLE_HEAD]
    return "\n".join([*lines, *map(table_row, COULD_NOT_LOOK)]) + "\n"


TABLE_HEAD = ("| reason | state | when | what it means | what to do next |", "|---|---|---|---|---|")


def table_row(row: Row) -> str:
    """One reason as a row of a Markdown table, with a link to its runbook where there is one."""
    linked = (DOCS / "runbooks" / f"{row.reason}.md").exists()
    name = f"[`{row.reason}`](runbooks/{row.reason}.md)" if linked else f"`{row.reason}`"
    return f"| {name} | {row.severity.name} | {row.when} | {row.means} | {row.words} |"


def main() -> int:
    """Write the pages, or compare them."""
    pages = {DOCS / "reasons.md": reasons()}
    pages |= {DOCS / "man" / page.file: page.mdoc() for page in manual_pages.all_pages()}
    pages |= {DOCS / "checks" / f"{each.name}.md": check_pages.page(each) for each in REGISTRY}
    pages[DOCS / "checks.md"] = check_pages.index()
    pages[DOCS / "icinga2-commands.md"] = icinga2_page.page()
    pages |= {DOCS.parent / "contrib" / path: contrib(what) for what, (path, _) in GENERATED.items()}
    pages |= {DOCS.parent / "contrib" / path: text for path, text in pair_objects.SAMPLES.items()}
    listing = {path: (DOCS.parent / path).read_text() for path in lists.PATHS}
    pages |= {DOCS.parent / path: text for path, text in lists.updated(listing).items()}
    if sys.argv[1:] == ["--check"]:
        stale = [
            str(path.relative_to(DOCS.parent))
            for path, text in pages.items()
            if not path.exists() or path.read_text() != text
        ]
        stale += [str(path.relative_to(DOCS.parent)) for path in left_over(pages)]
        sys.stdout.write("".join(f"{name} is not what the commands say: run docs/generate.py\n" for name in stale))
        return 1 if stale else 0
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in left_over(pages):
        path.unlink()
    return 0


def left_over(pages: Container[Path]) -> list[Path]:
    """Pages of the manual and of checks that no command has any more."""
    return [path for of in ("man", "checks") for path in sorted((DOCS / of).iterdir()) if path not in pages]


if __name__ == "__main__":
    sys.exit(main())
