"""Whether a node that was booted may serve before it has heard anything of the other copy.

While a node was off the other one may have served, and may be off itself now. Then nothing here shows that this copy is
behind, and to serve it makes a split-brain. So a booted node waits until it is connected, or has heard of the other
copy (`ledger.HEARS`), as DRBD does (drbd.conf(5), `wfc-timeout` 0). It does not wait where it is known to have written
last (`newest`): under this very rule the other node cannot have served after it, unless an operator said so.
"""

from __future__ import annotations

from remediate.context import Context
from remediate.failover import newest, own_copy


def unheard(context: Context, name: str) -> str:
    """Why it is not known whether the other node has served after this one; empty where it is known that it has not, or
    the ledger tells. Raises nothing."""
    if own_copy.known(context, name).unheard_since is None or newest.is_proven(context, name):
        return ""
    return "not connected since the boot, and not known to have written last"
