"""nagiosplugin, which the checks are built on, imported without what none of them uses.

It imports json and tempfile for its `Cookie` alone, whose file is not replaced atomically (ours is
`checks.probes.state_cache`), numbers and traceback for its `Runtime` (ours is `checks.plugin.runtime`), and logging,
which wants traceback too. That is half of what it costs. While it is imported a module stands in for each of them that
is imported itself when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

UNUSED = ("json", "numbers", "tempfile", "traceback")


class _ImportedAtUse(ModuleType):
    def __getattr__(self, name: str) -> object:
        return getattr(importlib.import_module(self.__name__), name)


_standing_in = {name: _ImportedAtUse(name) for name in UNUSED if name not in sys.modules}
sys.modules.update(_standing_in)
try:
    from nagiosplugin import (
        Check,
        Context,
        Critical,
        Metric,
        Ok,
        Performance,
        Range,
        Resource,
        Result,
        Results,
        ScalarContext,
        Summary,
        Unknown,
        Warn,
    )
finally:
    for _name in _standing_in:
        del sys.modules[_name]

__all__ = [
    "Check",
    "Context",
    "Critical",
    "Metric",
    "Ok",
    "Performance",
    "Range",
    "Resource",
    "Result",
    "Results",
    "ScalarContext",
    "Summary",
    "Unknown",
    "Warn",
]
