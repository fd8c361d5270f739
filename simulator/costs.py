"""What every step costs, in seconds, and how fast replication copies: one table.

The defaults are what was measured on the pair on which version 0.1.0 ran first (docs/freebsd-facts.md, "Costs", and the
journals of those runs), where starting a process is most of what a command takes. What was not measured there is from
the first pair and the time stamps of its recordings. Both pairs are emulated machines, so ratios matter more than
values; `tests/bench/recorded_runs.py` replays the recorded runs, and a test compares every phase. A scenario that wants
another machine passes `Costs(...)` with other numbers, or `Costs.free()` where time is not its subject.

Most of these are work for the one processor of the node (`processor.py`): what runs beside it makes it take longer.
What is a process, or starts one, is without its start.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, except where the name says otherwise."""

    process: float = 0.03
    """Starting and ending a small command: ps and hastctl took 0.05 from a shell, a step of four commands 0.1."""
    python_hook: float = 0.47
    """A hook of devd, or the program that answers the other node: a Python with its imports (recorded for
    `import hooks.carp_hast_switch`)."""
    python_worker: float = 0.55
    """A subcommand, likewise: 0.2 for `hastwatch --version`, 0.55 for the most imports. A worker that a hook or a
    subcommand forks has what its parent has imported: both together take what one takes that imports it all."""
    ssh_client: float = 0.55
    """A new connection of ssh(1), here; 1.15 with the other end (freebsd-facts: costs-of-ssh)."""
    ssh_server: float = 0.55
    """The same at the other end: sshd(8) and the login."""
    ssh_multiplexed: float = 0.02
    """ssh(1) over a connection that is there already (ssh_config(5), ControlMaster): 0.05 with the process
    (freebsd-facts: costs-of-ssh)."""
    hastctl: float = 0.02
    """One hastctl call."""
    worker_stop: float = 0.15
    """Killing a worker and waiting for it, part of a change of role (freebsd-facts: costs-of-a-promotion)."""
    device_appears: float = 0.19
    """From the role to /dev/hast/NAME; guides tell of up to 3 s (freebsd-facts: device-follows-the-role)."""
    fsck_clean: float = 0.23
    """fsck -p on a clean file system, or replaying a journal: 0.24 to 0.30 with fstyp(8)."""
    fsck_full: float = 0.85
    """fsck -y, the full check: the documented hook took 11 s from the role to its end, and the device was waited for
    during 10.2 of them (freebsd-facts: costs-of-the-documented-hook)."""
    mount: float = 0.12
    """0.14 with the process (freebsd-facts: costs-of-a-promotion)."""
    unmount: float = 0.10
    pool_import: float = 0.5
    """zpool import without the mount; this and the export are figures of the simulation, they were not recorded."""
    pool_export: float = 0.3
    daemon_start: float = 0.09
    """A daemon started directly; five of them are 0.60 (freebsd-facts: costs-of-a-promotion)."""
    daemon_stop: float = 0.1
    """A daemon that was signalled to its end; a figure of this simulation."""
    daemon_registers: float = 0.5
    """mountd exports, and nfsd offers TCP, only after the command that started them has returned (recorded)."""
    service_start: float = 0.95
    """`service X onestart`: two took 2.46 by hand, five 4 to 4.9 in the runs of the documented hook (freebsd-facts:
    costs-of-a-handover, costs-of-the-documented-hook)."""
    service_stop: float = 0.37
    """The documented hook stopped five in 2."""
    service_status: float = 0.20
    hastd_stop: float = 5.0
    """`service hastd stop`: from `role init all` to the end of the daemon (recorded twice: 5 s)."""
    hastd_reload: float = 3.0
    """SIGHUP to the daemon's taking notice by itself: when its select(2) of 5 s ends (recorded: 1 to 4 s)."""
    boot_to_network: float = 20.0
    """Power on to the network coming up."""
    boot_devd: float = 0.5
    """devd before the network (freebsd-facts: boot-order)."""
    boot_hastd: float = 1.0
    """Network to hastd (recorded: 1 s)."""
    boot_nfs: float = 2.0
    """hastd to the NFS daemons."""
    boot_daemon: float = 0.6
    """From one daemon of rc(8) to the next."""
    sync_bytes_per_second: float = 3.7e6
    """Bytes a synchronisation copies per second (recorded: 3.1 to 3.8 MB/s where there were data)."""
    sync_empty_extent: float = 0.15
    """An extent in which nothing was ever written: lzf makes it small (recorded: 256 MB, half empty, in 46 s)."""
    replication_latency: float = 0.0005
    """One write to the peer and its answer."""
    nfs_call: float = 0.04
    """A committed write of the client, from its arrival to the answer (real runs: 40 to 49 ms, the median)."""
    rpc_timeout: float = 61.0
    """showmount and rpcinfo -t/-u with rpcbind down: 40 to 60 s and more (freebsd-facts:
    showmount-hangs-without-rpcbind)."""

    @classmethod
    def free(cls) -> Costs:
        """All steps at no cost, except what is a rate or a timeout of a protocol."""
        unchanged = {
            "sync_bytes_per_second",
            "sync_empty_extent",
            "rpc_timeout",
            "replication_latency",
            "device_appears",
        }
        return cls(**{field.name: 0.0 for field in fields(cls) if field.name not in unchanged})


KEEPALIVE = 10.0
"""Seconds between two looks of a primary at its connections (HAST_KEEPALIVE, hastd's hast.h)."""

WORKER_RESTART = 1.0
"""Seconds after which a killed primary worker is started again (hastd.c, child_exit())."""

PEER_WAIT_STEP = 1.0
"""Seconds between two attempts while the peer is primary too (primary.c, hastd_primary())."""

SYN_AGAIN = 1.0
"""Seconds between two segments of a connection that nobody answers (net.inet.tcp.rexmit_initial)."""

IDLE_LOSS = 38.0
"""Seconds after which TCP tells an idle primary that its peer is gone: 10 to 38 s were seen (freebsd-facts:
complete-lags-behind)."""

ASYNC_LAG = 0.2
"""Seconds by which an asynchronous replica lags behind on a healthy link; a figure of this simulation."""

MEMSYNC_LAG = 0.1
"""Seconds from the peer's memory to the peer's disk with memsync; a figure of this simulation."""
