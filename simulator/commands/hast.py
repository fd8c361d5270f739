"""hastctl(8) and hastd(8) as commands: exit codes and every text that was recorded of them."""

from __future__ import annotations

from simulator.clock import Steps
from simulator.commands.hastctl_words import USAGE, Arguments, UsageError, parsed
from simulator.hastd.daemon import CONF, RunningResource
from simulator.hastd.hastconf import CONTROL, HastConf, HastConfError
from simulator.hastd.metadata import EXTENTSIZE, KEEPDIRTY, Role, humanize
from simulator.hastd.replication import PrimaryWorker
from simulator.hastd.statistics import Statistics
from simulator.shell.calls import Call, command

VERBS = ("create", "role", "list", "status", "dump")

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_OSERR, EX_OSFILE, EX_TEMPFAIL, EX_CONFIG = 64, 65, 66, 71, 72, 75, 78
"""sysexits(3), as hastctl uses them."""

UNREADABLE = 255
"""Exit status when metadata can't be read (freebsd-facts: no-metadata-exits-255)."""

NO_SUCH_RESOURCE = 1
"""EHAST_NOENTRY"""

PRIVILEGES = "[DEBUG][1] Privileges successfully dropped using capsicum+jail+setgid+setuid.\n"


@command("hastctl")
def hastctl(call: Call) -> Steps[int]:
    """hastctl(8)"""
    try:
        arguments = parsed(call.argv[1:], VERBS + ("stop",) * call.node.installed.stops_by_hastctl)
    except UsageError:
        call.err(USAGE)
        return EX_USAGE
    yield call.node.processor.use(call.node.pair.layout.costs.hastctl)
    try:
        conf = call.node.hastd.read_conf(arguments.config)
    except HastConfError as error:
        call.err(f"[ERROR] {error}\n")
        return EX_CONFIG
    except OSError as error:
        call.err(f"[ERROR] Unable to open configuration file {arguments.config}: {error.strerror}.\n")
        return EX_OSFILE
    if conf.control != CONTROL:
        return (yield from call.node.scratch.order(call.err, arguments.verb, arguments.role, conf))
    if arguments.verb == "create":
        return _create(call, arguments, conf)
    if arguments.verb == "dump":
        return _dump(call, arguments, conf)
    if call.user != "root":
        call.err("[ERROR] Unable to connect to hastd via /var/run/hastctl: Permission denied.\n")
        return EX_OSERR
    if not call.node.hastd.takes_connection():
        call.err("[ERROR] Unable to connect to hastd via /var/run/hastctl: Connection refused.\n")
        return EX_OSERR
    call.node.hastd.attend()
    if arguments.verb == "stop":
        call.node.hastd.terminate()
        return 0
    if arguments.role is not None:
        return (yield from _role(call, arguments, arguments.role))
    while call.node.hastd.stuck():
        yield 0.5
    if arguments.debug:
        call.out(PRIVILEGES)
    return _list(call, arguments) if arguments.verb == "list" else _status(call, arguments)


def _wanted(call: Call, names: list[str]) -> list[tuple[str, RunningResource | None]]:
    known = call.node.hastd.resources
    if not names or names == ["all"]:
        return [(name, resource) for name, resource in known.items()]
    return [(name, known.get(name)) for name in names]


def _role(call: Call, arguments: Arguments, role: Role) -> Steps[int]:
    status = 0
    while call.node.hastd.busy:
        yield 0.5
    for name, resource in _wanted(call, arguments.names):
        if resource is None:
            call.err(f"[WARNING] [{name}] Received error {NO_SUCH_RESOURCE} from hastd.\n")
            status = NO_SUCH_RESOURCE
            continue
        while resource.worker is not None and resource.worker.stopped and resource.role is not role:
            yield 0.5
        yield from call.node.hastd.set_role(resource, role)
    return status


def _status(call: Call, arguments: Arguments) -> int:
    call.out("Name\tStatus\t Role\t\tComponents\n")
    status = 0
    for name, resource in _wanted(call, arguments.names):
        if resource is None:
            call.out(f"{name}\tERR{NO_SUCH_RESOURCE}\n")
            status = NO_SUCH_RESOURCE
            continue
        call.out(
            f"{name}\t{status_of(resource):<9}{resource.role.value:<15}{resource.conf.local}\t{resource.conf.remote}\n"
        )
    return status


def status_of(resource: RunningResource) -> str:
    """complete or degraded when there is a worker, else a dash (control.c)."""
    if resource.worker is None:
        return "-"
    if isinstance(resource.worker, PrimaryWorker) and not resource.worker.connected:
        return "degraded"
    return "complete"


def _list(call: Call, arguments: Arguments) -> int:
    status = 0
    for name, resource in _wanted(call, arguments.names):
        if resource is None:
            call.out(f"{name}:\n  error: {NO_SUCH_RESOURCE}\n")
            status = NO_SUCH_RESOURCE
        else:
            call.out(f"{name}:\n" + "".join(f"  {line}\n" for line in _details(resource)))
    return status


def _details(resource: RunningResource) -> list[str]:
    conf, worker = resource.conf, resource.worker
    metadata = worker.disk.metadata if worker is not None else None
    extentsize = metadata.extentsize if metadata is not None else 0
    primary = worker if isinstance(worker, PrimaryWorker) else None
    dirty = primary.dirty_bytes if primary is not None else 0
    figures = worker.statistics if worker is not None else Statistics()
    busy = 1 if primary is not None and primary.synchronising else 0
    idle = 0 if worker is None else 256 if primary is not None and not primary.started else 255 - busy
    errors = f"read: {figures.read_errors}, write: {figures.write_errors}"
    lines = [
        f"role: {resource.role}",
        f"provname: {conf.provname}",
        f"localpath: {conf.local}",
        f"extentsize: {extentsize} ({humanize(extentsize)})",
        f"keepdirty: {primary.metadata.keepdirty if primary is not None else 0}",
        f"remoteaddr: {conf.remote}",
    ]
    if conf.source:
        lines.append(f"sourceaddr: {conf.source}")
    lines.append(f"replication: {conf.replication}")
    if worker is not None:
        lines += [f"status: {status_of(resource)}", f"workerpid: {worker.process.pid}"]
    lines += [
        f"dirty: {dirty} ({humanize(dirty)})",
        "statistics:",
        f"  reads: {figures.reads}",
        f"  writes: {figures.writes}",
        f"  deletes: {figures.deletes}",
        f"  flushes: {figures.flushes}",
        f"  activemap updates: {figures.activemap_updates}",
        f"  local errors: {errors}, delete: {figures.delete_errors}, flush: {figures.flush_errors}",
        f"  queues: local: 0, send: 0, recv: {busy}, done: 0, idle: {idle}",
    ]
    return lines


def _dump(call: Call, arguments: Arguments, conf: HastConf) -> int:
    """Opens the local provider itself, without hastd."""
    names = arguments.names
    if not names or names == ["all"]:
        names = list(conf.resources)
    status = 0
    for name in names:
        if name not in conf.resources:
            call.err(f"[ERROR] Unknown resource {name}.\n")
            return EX_DATAERR
        path = conf.resources[name].local
        disk = call.node.disks.get(path)
        trouble = ""
        if disk is None or not disk.present:
            trouble = f"Unable to open {path}: No such file or directory."
        elif call.user != "root":
            trouble = f"Unable to open {path}: Permission denied."
        elif disk.broken:
            trouble = f"Unable to read metadata from {path}: Input/output error."
        elif disk.metadata is None:
            trouble = f"Unable to read metadata from {path}: No such file or directory."
        if disk is None or disk.metadata is None or trouble:
            call.err(f"[ERROR] {trouble}\n")
            status = UNREADABLE
            continue
        data = disk.metadata
        call.out(
            f"resource: {name}\n"
            f"    datasize: {data.datasize} ({humanize(data.datasize)})\n"
            f"    extentsize: {data.extentsize} ({humanize(data.extentsize)})\n"
            f"    keepdirty: {data.keepdirty}\n"
            f"    localoff: {data.localoff}\n"
            f"    resuid: {data.resuid}\n"
            f"    localcnt: {data.localcnt}\n"
            f"    remotecnt: {data.remotecnt}\n"
            f"    prevrole: {data.prevrole}\n"
        )
    return status


def _create(call: Call, arguments: Arguments, conf: HastConf) -> int:
    status = 0
    for name in arguments.names:
        if name not in conf.resources:
            call.err(f"[ERROR] Unknown resource {name}.\n")
            return EX_DATAERR
        path = conf.resources[name].local
        disk = call.node.disks.get(path)
        if disk is None or not disk.present or call.user != "root":
            reason = "Permission denied" if disk is not None and disk.present else "No such file or directory"
            call.err(f"[ERROR] [{name}] Unable to open {path}: {reason}.\n")
            status = EX_NOINPUT
            continue
        numbers = arguments.numbers
        call.node.hastd.create(path, numbers.get("-e", EXTENTSIZE), numbers.get("-k", KEEPDIRTY), numbers.get("-m", 0))
    return status


@command("hastd")
def hastd(call: Call) -> Steps[int]:
    """hastd(8): into the background, with -c for another file."""
    words, path = call.argv[1:], CONF
    if "-h" in words:
        call.err("hastd: [-dFh] [-c config] [-P pidfile]\n")
        return EX_USAGE
    if "-c" in words[:-1]:
        path = words[words.index("-c") + 1]
    daemon = call.node.hastd
    try:
        conf = daemon.read_conf(path)
        if conf.control != CONTROL:
            return call.node.scratch.start(words, conf)
        if daemon.process is None:
            yield call.node.processor.use(call.node.pair.layout.costs.daemon_start)
        if daemon.process is not None:  # perhaps one that was started meanwhile
            pid = daemon.process.pid
            call.err(f"[ERROR] Another hastd is already running, pidfile: /var/run/hastd.pid, pid: {pid}.\n")
            return EX_TEMPFAIL
        daemon.start(path)
    except HastConfError as error:
        call.err(f"[ERROR] {error}\n")
        return EX_CONFIG
    except OSError as error:
        call.err(f"[ERROR] Unable to open configuration file {path}: {error.strerror}.\n")
        return EX_OSFILE
    return 0
