"""The part of nagiosplugin that the checks use: it has no type hints of its own."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

class ServiceState(NamedTuple):
    code: int
    text: str
    def __int__(self) -> int: ...

Ok: ServiceState
Warn: ServiceState
Critical: ServiceState
Unknown: ServiceState

class Metric(NamedTuple):
    name: str
    value: Any
    uom: str | None = None
    min: float | None = None
    max: float | None = None
    context: str | None = None
    contextobj: Any = None
    resource: Any = None
    @property
    def description(self) -> str: ...
    def performance(self) -> Performance | None: ...

class Performance(NamedTuple):
    label: str
    value: float
    uom: str | None = ""
    warn: str | None = ""
    crit: str | None = ""
    min: float | None = None
    max: float | None = None

class Range:
    def __init__(self, spec: str = "") -> None: ...
    def match(self, value: float) -> bool: ...

class Result:
    state: ServiceState
    hint: str | None
    metric: Metric | None
    def __new__(cls, state: ServiceState, hint: str | None = None, metric: Metric | None = None) -> Result: ...
    @property
    def resource(self) -> Resource | None: ...

class Results:
    results: list[Result]
    def __init__(self, *results: Result) -> None: ...
    def add(self, *results: Result) -> Results: ...
    def __iter__(self) -> Iterator[Result]: ...
    def __len__(self) -> int: ...
    @property
    def most_significant_state(self) -> ServiceState: ...

class Context:
    name: str
    def __init__(self, name: str, fmt_metric: str | Callable[[Metric, Context], str] | None = None) -> None: ...
    def evaluate(self, metric: Metric, resource: Any) -> Result: ...
    def performance(self, metric: Metric, resource: Any) -> Performance | None: ...

class ScalarContext(Context):
    def __init__(
        self,
        name: str,
        warning: str | None = None,
        critical: str | None = None,
        fmt_metric: str | Callable[[Metric, Context], str] = "",
    ) -> None: ...

class Resource:
    @property
    def name(self) -> str: ...
    def probe(self) -> Iterable[Metric]: ...

class Summary:
    def ok(self, results: Any) -> str: ...
    def problem(self, results: Any) -> str: ...
    def verbose(self, results: Any) -> list[str]: ...
    def empty(self) -> str: ...

class Check:
    name: str
    resources: list[Resource]
    results: Any
    summary: Summary
    def __init__(self, *objects: Resource | Context | Summary | Results, name: str = "") -> None: ...
    def add(self, *objects: Resource | Context | Summary | Results) -> Check: ...
    def __call__(self) -> None: ...
    @property
    def state(self) -> ServiceState: ...
    @property
    def summary_str(self) -> str: ...
    @property
    def verbose_str(self) -> list[str]: ...
    @property
    def exitcode(self) -> int: ...
