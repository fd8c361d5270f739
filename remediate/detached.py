"""Work in a process of its own, which nobody waits for: no terminal, no descriptor of its parent, and nobody who reads
its exit status. Whatever ends it is one entry of the journal and one line of syslog.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.exits import CANNOT_KEEP, INTERNAL, NO_PROCESS, USAGE
from remediate.failover.devd_events import InvalidEvent
from remediate.failover.errors import StepFailed
from remediate.state.journal import CRIT, ERR
from remediate.state.store import StateError


def detach(context: Context, why: str, call: Callable[[Context], object]) -> None:
    """Make the call, in the context of its process, in one of its own and return at once. Raises OSError where there is
    none to be had."""
    if context.here.begins(lambda own: work(own, why, lambda: call(own))):
        return
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    child = os.fork()
    if child:
        if os.waitpid(child, 0)[1] != 0:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
    except OSError:
        os._exit(NO_PROCESS)

    def alone() -> None:
        _stand_alone()
        call(context)

    os._exit(work(context, why, alone))


def work(context: Context, why: str, call: Callable[[], object]) -> int:
    """What a worker does, and what becomes of it: an exit status, and an entry of the journal where it ends badly."""
    try:
        call()
        return 0
    except InvalidEvent as error:
        result, status, severity = str(error), USAGE, ERR
    except (StateError, ProbeError, StepFailed) as error:
        result, status, severity = f"nothing is done: {error}", CANNOT_KEEP, CRIT
    except BaseException as error:
        result, status, severity = context.console.internal(error), INTERNAL, CRIT
    context.journal.entry("worker", why=why, result=result, severity=severity)
    return status


def _stand_alone() -> None:
    """Nothing of the parent's any more: its descriptors, its directory, its umask. Raises OSError."""
    import syslog

    os.umask(0o022)
    os.chdir("/")
    syslog.closelog()  # before its socket is closed under it: libc would take the number's next owner for it
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
