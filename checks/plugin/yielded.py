"""A check that still yields findings and numbers, as the resource and the contexts of a nagiosplugin check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from checks.plugin.finding import Finding, Number, Table
from checks.plugin.judging import Judged, performance
from checks.plugin.nagios import Context, Metric, Performance, Resource
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session

Look = Callable[[Session], Iterable[Finding | Number]]


class Yielded(ProbedResource):
    """What such a check looks at."""

    def __init__(self, session: Session, look: Look) -> None:
        super().__init__(session.here.label)
        self.session, self.look = session, look

    def read(self) -> Iterator[Metric]:
        """One metric for each. Raises ProbeError."""
        for seen in self.look(self.session):
            if isinstance(seen, Number):
                yield Metric(seen.label, seen, context="yielded")
            else:
                yield self.metric("yielded", seen)


class YieldedContext(Context):
    """Takes them as they are."""

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """The finding."""
        return Judged([metric.value] if isinstance(metric.value, Finding) else [], metric)

    def performance(self, metric: Metric, resource: Resource) -> Performance | None:
        """The number."""
        number = metric.value
        if not isinstance(number, Number):
            return None
        named = metric._replace(uom=number.unit, min=number.least, max=number.most)
        return performance(named, number.value, number.warning, number.critical)


def yielded(look: Look, table: Table) -> Callable[[Session], Iterator[Resource | Context]]:
    """The parts of such a check."""

    def parts(session: Session) -> Iterator[Resource | Context]:
        session.table = table
        yield YieldedContext("yielded")
        yield Yielded(session, look)

    return parts
