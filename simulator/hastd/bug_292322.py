"""What a hastd with FreeBSD bug 292322 does, and what the other node's hastd sees of it.

The bug is freebsd-facts: stock-15-is-no-primary. The worker of a primary asks hastd for a connection and waits for the
descriptor without end (`primary.c primary_connect()`), unless hastd was refused the connection at once, which is an
answer without a descriptor (`hastd.c connection_migrate()`): a route that rejects, or an address of its own that is
gone. Where it waits depends on when: the worker that has just been started has not served its device yet, so GEOM
tastes it for ever, no file appears, and whoever asks GEOM waits too. One that has served its device tries to connect in
its guard thread, which is the one that ends the worker at a signal: the device goes on working, and hastd, told of
another role, waits for a worker that does not end (`control.c control_set_role_common()`, waitpid(2)) until that is
killed with SIGKILL, which leaves its device (`left_device.py`).

On the other node hastd accepts the connection and waits for its header for HAST_TIMEOUT seconds, in its main loop:
nothing else is answered meanwhile (recorded: a call of `hastctl status` took until the header had timed out).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import Completion, Steps
from simulator.hastd.daemon import replicates
from simulator.host.log import LogLevel

if TYPE_CHECKING:
    from simulator.hastd.daemon import Daemon
    from simulator.hastd.primary import Primary

HEADER_TIMEOUT = 20.0
"""HAST_TIMEOUT, hastd's hast.h: recorded between the two lines of the log."""
STEP = 0.5


def waits_for_ever(worker: Primary) -> bool:
    """Whether an attempt of this worker to connect now would be its last."""
    daemon = worker.hastd
    works = daemon.program.works_on(daemon.node.kernel.release)
    return not works and daemon.reachable and worker.resource.conf.remote != "none"


def begin(worker: Primary) -> None:
    """The attempt: the other node's hastd has a connection on which nothing comes."""
    there = worker.listening()
    if there is None:
        return
    if there.hastd.stopped:
        there.hastd.takes_tcp_connection()
    else:
        worker.hastd.clock.start(_accept(there.hastd, worker))


def _accept(hastd: Daemon, worker: Primary) -> Steps[None]:
    """hastd.c, listen_accept(), one connection after the other."""
    process, client = hastd.process, worker.hastd.node.layout
    source = client.address
    while hastd.reading is not None and not hastd.reading.done:
        yield hastd.reading
    if hastd.process is not process:
        return
    reading = hastd.reading = Completion()
    port = hastd.node.pair.random.randint(10000, 65000)
    hastd.log(LogLevel.INFO, f"Connection from tcp://{source}:{port} to tcp://{hastd.node.layout.address}:8457.")
    known = any(each.conf.is_remote(client) for each in hastd.resources.values())
    ends = hastd.clock.now + HEADER_TIMEOUT
    if not known:
        hastd.log(LogLevel.ERROR, f"Client tcp://{source}:{port} isn't known.")
        ends = hastd.clock.now
    while hastd.process is process and hastd.clock.now < ends and not _closed(hastd, worker):
        yield min(STEP, ends - hastd.clock.now)
    if hastd.process is process and known:
        why = "Operation timed out" if hastd.clock.now >= ends else "Socket is not connected"
        hastd.log(LogLevel.ERROR, f"Unable to receive header from tcp://{source}:{port}: {why}.")
    reading.finish()


def _closed(hastd: Daemon, worker: Primary) -> bool:
    """The worker has ended, and its kernel says so."""
    return not worker.alive and replicates(worker.hastd.node, hastd.node)
