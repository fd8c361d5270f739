"""The table of the default run: a row for each fault, what it costs by hand and with hastwatch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from remediate.rehearsal.brief import losses
from remediate.rehearsal.faults import BY_HAND, WITH_HASTWATCH, Fault
from remediate.rehearsal.report import mark
from remediate.rehearsal.scenario import ScenarioOutcome
from remediate.rehearsal.service import Account
from remediate.terminal import BOLD, FAINT, Paint

GAP = "  "
HEADS = ("fault", "no service", "writes lost", "no service", "writes lost", "")
LEGEND = (
    "by hand: devd runs the documented hook; the operator is there at any hour and makes no mistake",
    "missed event: devd is dead; with hastwatch cron's look promotes (`periodic_promotion = true`), 30 s later here",
    "lost: acknowledged to a client and gone; kept: saved by `hastwatch recover` before it was overwritten",
)


class Comparison(NamedTuple):
    """A fault with what became of it."""

    fault: Fault
    by_hand: ScenarioOutcome
    with_hastwatch: ScenarioOutcome

    @property
    def outcomes(self) -> tuple[ScenarioOutcome, ScenarioOutcome]:
        """In the order of the columns."""
        return self.by_hand, self.with_hastwatch

    @property
    def well(self) -> bool:
        """Both passed."""
        return self.by_hand.well and self.with_hastwatch.well


def table(rows: list[Comparison], paint: Paint) -> Iterator[str]:
    """The lines: two heads, a row for each fault, what the words mean."""
    texts = [HEADS, *(_cells(each) for each in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(HEADS))]
    by_hand = len(GAP.join(" " * width for width in widths[1:3]))
    above = GAP.join([" " * widths[0], f"{BY_HAND + ', as documented':<{by_hand}}", WITH_HASTWATCH])
    yield paint(above, BOLD)
    yield paint(_line(HEADS, widths), BOLD)
    for each, row in zip(rows, texts[1:], strict=True):
        yield f"{_line(row, widths):<{sum(widths) + len(GAP) * (len(HEADS) - 1)}}{mark(each.well, paint)}"
    for line in ("", *LEGEND):
        yield paint(line, FAINT)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _cells(row: Comparison) -> tuple[str, ...]:
    numbers = [cell for each in row.outcomes for cell in (_without(each.account), losses(each.account))]
    return row.fault.name, *numbers, ""


def _without(account: Account) -> str:
    return f"{account.without_service:.0f} s"


def as_json(row: Comparison) -> dict[str, Any]:
    """One row in plain values."""
    columns = zip(("by_hand", "with_hastwatch"), row.outcomes, strict=True)
    return {
        "fault": row.fault.name,
        "as_it_must": row.well,
        **{
            name: {
                "scenario": each.scenario.name,
                "without_service": round(each.account.without_service, 3),
                "lost": each.account.lost,
                "kept": each.account.kept,
                "cause": sorted(
                    {loss.cause.name.lower() for loss in each.account.losses if len(loss.kept) < len(loss.numbers)}
                ),
            }
            for name, each in columns
        },
    }
