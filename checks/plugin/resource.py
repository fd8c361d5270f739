"""What a check looks at: a nagiosplugin `Resource` that reads a node, and says where it could not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from checks.plugin.judging import COULD_NOT_LOOK
from checks.plugin.nagios import Context, Metric, Resource
from checks.probes.errors import ProbeError

Part = Resource | Context
"""Of a check."""


class ProbedResource(Resource, ABC):
    """One thing that is looked at. A probe that fails is a metric too, after what was read before, and the check goes
    on with its next resource; nagiosplugin has that for its own CheckError alone."""

    is_read = True
    """Whether everything asked for was read so far."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What is said of it is about, such as `home on nfs001`. The name of a node costs a question, so it is
        not asked before the resource is probed: what a check asks first says why a node is not reached."""

    @abstractmethod
    def read(self) -> Iterator[Metric]:
        """What is read, part by part. Raises ProbeError."""

    def subject_of(self, name: str) -> str:
        """What a number of that name is about."""
        return self.subject

    def probe(self) -> Iterator[Metric]:
        """For nagiosplugin."""
        return self.guarded(self.read(), self.subject)

    def guarded(self, metrics: Iterable[Metric], subject: str = "") -> Iterator[Metric]:
        """The metrics of a part; where that fails those read so far, and that it failed."""
        try:
            yield from metrics
        except ProbeError as error:
            self.is_read = False
            context, value = self.unread(error)
            yield Metric(subject or self.subject, value, context=context)

    def unread(self, error: ProbeError) -> tuple[str, object]:
        """The judge of why it was not read, and what that is told."""
        return COULD_NOT_LOOK, error

    def metric(self, context: str, value: object) -> Metric:
        """What was read of the subject, for the judge `context`."""
        return Metric(self.subject, value, context=context)
