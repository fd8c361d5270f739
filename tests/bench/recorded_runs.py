"""What ran on the real pair: version 0.1.0, by phase, with the processes that each phase started.

Taken from the journals, the system logs and the client's records of the runs; one processor a machine. A phase ends
with the entry of the journal that names it; the first one begins when the node became MASTER, which the kernel's log
has to the second (here the middle of what is possible). Steps of less than half a second are put together with their
neighbours. `replay.py` plays all this with the costs of the simulated pair.

Not everything is recorded. The commands of a phase were counted by running 0.1.0 on the simulated pair, and fitted by
some; the journals show that hooks and workers of hastd's own events ran beside it, but how many in which phase, how
often the other node was asked, and when the giving node's phases began (`later`) are fitted. So the replay shows that
the costs explain every phase, not that nothing else would. The documented hook and the commands by hand
(`test_failover_time.py`) are the better test: of the costs they use, only `service_start` and `service_stop` were
chosen with them in view.
"""

from __future__ import annotations

from typing import NamedTuple


class Work(NamedTuple):
    """What a phase does, one thing after the other."""

    commands: int = 0
    """Small commands, a process each."""
    hooks: int = 0
    workers: int = 0
    """Pythons: hooks, and workers or subcommands."""
    asks: int = 0
    """Questions to the other node: ssh(1), and a Python there."""
    costs: tuple[str, ...] = ()
    """Further work for the processor, by the names of `Costs`."""
    waits: float = 0.0
    """Seconds in which nothing is done: time-outs, what is polled for."""


class Phase(NamedTuple):
    """One phase of one node, and what it set going beside itself."""

    name: str
    recorded: float
    """Seconds."""
    work: Work
    beside: tuple[Work, ...] = ()
    """Each begins with the phase, and shares the processor until it is done."""


class Run(NamedTuple):
    """A recorded run of 0.1.0. `folder`: where its journals lie among the recordings."""

    name: str
    folder: str
    gap: float
    """Seconds between two answers that the client got."""
    gives: tuple[Phase, ...]
    """The node that gives the service away, from its raised CARP share on; nothing where it is dead."""
    takes: tuple[Phase, ...]
    """The node that takes over, from the moment it is MASTER."""
    control_connection: bool = True
    """ssh(1) went over a connection that was there already."""
    leads: tuple[Work, ...] = ()
    """What the giving node does from the beginning, beside its phases."""
    later: float = 0.0
    """Seconds from the beginning to the entry of the journal with which those begin."""


EVENT = Work(hooks=1, workers=1, commands=20)
"""One of hastd's own events: a hook, and a worker that reads the node and then waits for the one that runs."""
TELLING = Work(hooks=1, workers=1, commands=22, asks=1)
"""The same, and the worker tells the other node of its copy."""
BACKUP = (Work(hooks=1, workers=1, commands=10),)
"""devd's event of the lost address on the node that gives it away."""

PLAN = Work(hooks=1, workers=1, commands=24, costs=("hastctl",) * 4)
ROLE = Work(commands=14, costs=("hastctl", "hastctl", "worker_stop", "device_appears"))
CHECK = Work(commands=4, costs=("fsck_clean",))
MOUNT = Work(commands=7, costs=("mount",))
SERVE = Work(commands=28, costs=("daemon_start", "daemon_start"), waits=0.5)
STOP = Work(commands=11, waits=0.15)
UNMOUNT = Work(commands=9, costs=("unmount",))
LET_GO = Work(commands=15, costs=("worker_stop",))
Beside = dict[str, tuple[Work, ...]]
"""What begins with a phase, by its name."""


def _gives(plan: float, unmount: float, secondary: float, stops: bool) -> tuple[Phase, ...]:
    stop = Work(STOP.commands + UNMOUNT.commands, costs=UNMOUNT.costs, waits=STOP.waits) if stops else UNMOUNT
    return (
        Phase("plan, made twice", plan, Work(commands=26)),
        Phase("stop-serving, unmount" if stops else "unmount", unmount, stop),
        Phase("become-secondary, protect", secondary, LET_GO, (EVENT,)),
    )


def _takes(
    plan: Work, seconds: tuple[float, ...], waiting: Work | None, beside: Beside, taste: float = 0.0
) -> tuple[Phase, ...]:
    """The phases of a promotion. `taste`: seconds that GEOM's taste of the device waits for the attempt to connect to a
    dead peer (freebsd-facts: device-waits-for-a-dead-peer)."""
    works = {
        "plan": plan,
        "await-peer": waiting,
        "become-primary": ROLE._replace(waits=taste),
        "check": CHECK,
        "mount": MOUNT,
        "start-serving, verify": SERVE,
    }
    there = [(name, work) for name, work in works.items() if work is not None]
    return tuple(
        Phase(name, each, work, beside.get(name, ())) for (name, work), each in zip(there, seconds, strict=True)
    )


RUNS = (
    Run(
        "planned handover",
        "s1-switchover-hw-1",
        23.70,
        _gives(1.18, 1.55, 1.73, stops=True),
        _takes(
            PLAN._replace(asks=2),
            (6.3, 5.04, 4.54, 2.38, 2.10, 3.55),
            Work(commands=8, asks=3),
            {"await-peer": (EVENT,), "become-primary": (EVENT,) * 2 + (TELLING,) * 3},
        ),
        control_connection=False,
        leads=BACKUP,
        later=0.7,
    ),
    Run(
        "planned handover, with a control connection",
        "s1-switchover-hw-control-connection",
        17.55,
        _gives(0.89, 0.95, 1.46, stops=True),
        _takes(
            PLAN._replace(asks=1),
            (2.66, 1.88, 5.77, 1.96, 1.77, 2.76),
            Work(commands=12, asks=1),
            {"await-peer": (EVENT,), "become-primary": (EVENT,) * 2 + (TELLING,) * 3},
        ),
        leads=BACKUP,
        later=1.35,
    ),
    Run(
        "power cut",
        "s2-powercut-hw-1",
        18.77,
        (),
        _takes(
            PLAN._replace(waits=1.0), (3.3, 10.58, 0.32, 0.34, 1.54), None, {"become-primary": (EVENT,)}, taste=10.0
        ),
    ),
    Run(
        "power cut, with short delays",
        "s2-powercut-hw-2",
        19.30,
        (),
        _takes(
            PLAN._replace(waits=1.0), (3.3, 10.79, 0.42, 0.35, 1.69), None, {"become-primary": (EVENT,)}, taste=10.0
        ),
    ),
    Run(
        "reboot of the active node",
        "s8-shutdown-active-hw-1",
        18.57,
        _gives(0.78, 0.39, 1.47, stops=False),
        _takes(
            PLAN,
            (2.2, 2.07, 2.80, 2.19, 1.72, 4.94),
            Work(commands=15, waits=1.0),
            {
                "await-peer": (EVENT,),
                "become-primary": (EVENT,) * 2,
                "check": (EVENT,) * 3,
                "start-serving, verify": (EVENT,),
            },
        ),
        leads=BACKUP,
        later=1.2,
    ),
)

OTHERWISE = {
    "s1-switchover-doc-1": "the documented hook: test_failover_time.py plays it on the whole simulated pair",
    "s2-powercut-doc-1": "the same",
    "s3-return-doc-2": "no failover in it that clients wait for: they get stale handles, or another copy, at once",
    "s3-return-hw-2": "the address stays where it is: the longest gap is that of one fsync, 1.3 s",
    "s4-checks": "checks under faults, and no failover; what they say is tested, what they take changed since 0.1.0",
    "s5-missed-repair": "most of its time is that of the human who typed",
    "s6-splitbrain-1": "the same",
    "s7-blank-disk": "the same; its copying is `sync_bytes_per_second`",
    "s8-both-reboot": "most of its time is that of two boots, whose parts were not recorded",
    "s8-shutdown-alone-hw-1": "the same, of one",
    "s9-kill9-mount": "killed by hand, and waited for by hand",
    "s9-kill9-mountd": "the same",
    "s9-kill9-plan": "the same",
    "s9-kill9-role": "the same",
    "s11-cost": "single commands: they are the costs",
    "s12-facts": "what commands print",
    "silent-divergence": "no failover",
    "install": "no failover",
}
"""The recorded runs that are not replayed phase by phase, and why."""
