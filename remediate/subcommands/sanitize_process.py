"""What a caller left behind in this process, undone: init(8) would have started it otherwise.

The monitoring user may start `hastwatch repair` as root. sudo(8) hands on its limits, its priority and the signals that
it ignores, doas(1) also those that it blocks and its umask (both tried); so would whatever else starts a process. A
repair must not be ended half way by them, and the daemons that it starts would have them as long as they live.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

LEFT = {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT}
"""Python itself ignores the first two, which become errors of the system call, and gives them back to what it starts
(`restore_signals` of subprocess); the others a shell ignores in what it runs in the background, for good reason."""
UMASK = 0o022
LIMITS = ("AS", "CPU", "DATA", "FSIZE", "NOFILE", "RSS", "SBSIZE", "STACK", "SWAP")
"""Those of getrlimit(2) that a daemon can run into; FreeBSD alone has SBSIZE and SWAP."""
ENOUGH = {"NOFILE": 1 << 16, "STACK": 8 << 20}
"""Where more than that is not to be had, or not good: Linux knows no end of files, and no end of the stack changes its
address space. The others have none (login.conf(5), daemon)."""


def signals() -> None:
    """Every signal does again what it does by default, none is blocked; and what is made only its owner may write."""
    for number in signal.valid_signals() - LEFT:
        if signal.getsignal(number) is signal.SIG_IGN:
            with suppress(OSError):
                signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(UMASK)


def resources() -> None:
    """No limit and no priority of the caller's. Only root can, and only root needs to."""
    import resource

    if os.geteuid() != 0:
        return
    for name in LIMITS:
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None:
            wanted, most = ENOUGH.get(name, resource.RLIM_INFINITY), resource.getrlimit(number)[1]
            try:
                resource.setrlimit(number, (wanted, wanted))
            except (OSError, ValueError):  # a jail or a container may hold root's own limits down
                resource.setrlimit(number, (most, most))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
