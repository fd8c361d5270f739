"""What each number of a check is called in Prometheus: one table, from the labels of performance data to metrics.

    home_dirty=1048576B   of check_hast on nfs001    hastwatch_hast_dirty_bytes{node="nfs001",resource="home"} 1048576
    nfs001_masters=1      of check_carp              hastwatch_carp_masters{node="nfs001"} 1

Names, base units (seconds, bytes, ratios of 1) and `_total` of counters are those of Prometheus's documentation
("Metric and label naming"). A metric has one unit, and its name says which. `node` is the node that a number is about:
a check that reads both nodes has a number of each. The labels of performance data: `PERFDATA` of each check.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from checks.registry import COMBINED, REGISTRY
from remediate.monitoring.result import CheckResult, Measurement, measured


class MetricKind(enum.Enum):
    """The type of a metric; the value is its word in the text format."""

    GAUGE = "gauge"
    COUNTER = "counter"


class MetricFamily(NamedTuple):
    """A metric: its name, type and help, and its labels in order."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...]


class Sample(NamedTuple):
    """One value of a metric; the values of its labels in their order."""

    metric: MetricFamily
    labels: tuple[str, ...]
    value: float


class Rule(NamedTuple):
    """Which numbers of performance data are values of a metric: the whole label, whose named groups are labels of the
    metric, and the unit. `fixed`: further labels. `scale`: what the number is multiplied with."""

    label: str
    unit: str
    metric: MetricFamily
    fixed: Mapping[str, str] = {}
    scale: float = 1.0


def _gauge(name: str, says: str, *labels: str) -> MetricFamily:
    return MetricFamily(f"hastwatch_{name}", MetricKind.GAUGE, says, labels)


def _counter(name: str, says: str, *labels: str) -> MetricFamily:
    return MetricFamily(f"hastwatch_{name}", MetricKind.COUNTER, says, labels)


CHECK_STATE = _gauge("check_state", "What a check said: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", "node", "check")
REASON = _gauge(
    "check_reason_info",
    "The reason of the worst finding of a check; none where all is well.",
    "node",
    "check",
    "reason",
)
LAST_RUN = _gauge("last_run_timestamp_seconds", "When a check last ended, in seconds since 1970.", "node", "check")
DURATION = _gauge("check_duration_seconds", "What the last run of a check took.", "node", "check")

WELL = _gauge("carp_hast_well", "1 where nothing is wrong with a resource on a node, nor on both, else 0.",
              "node", "resource")  # fmt: skip
DEMOTION = _gauge("carp_demotion", "net.inet.carp.demotion, added to every advskew.", "node")
MASTERS = _gauge("carp_masters", "Number of vhids in state MASTER.", "node")
DIRTY = _gauge("hast_dirty_bytes", "Bytes that the other copy lacks; a secondary always has 0.", "node", "resource")
REQUESTS = _counter("hast_requests_total", "Requests of the file system since the worker started.",
                    "node", "resource", "operation")  # fmt: skip
MAP_UPDATES = _counter("hast_activemap_updates_total", "Writes of the map of dirty extents since the worker started.",
                       "node", "resource")  # fmt: skip
ERRORS = _counter("hast_errors_total", "Errors of the local disk since the worker started.",
                  "node", "resource", "operation")  # fmt: skip
QUEUE = _gauge("hast_queue_requests", "Requests that wait in a queue of the worker.", "node", "resource", "queue")
LOCALCNT = _gauge("hast_localcnt", "The node's own writes without the other one, as its metadata counts them.",
                  "node", "resource")  # fmt: skip
REMOTECNT = _gauge("hast_remotecnt", "The same of the other node, as this one last knew it.", "node", "resource")
USED = _gauge("mount_used_ratio", "Share of the space that ordinary users may use which is used.", "node", "resource")
AVAILABLE = _gauge("mount_available_bytes", "Bytes that ordinary users may still use.", "node", "resource")
INODES = _gauge("mount_inodes_used_ratio", "Share of the inodes that is used.", "node", "resource")
ANSWER = _gauge("mount_answer_seconds", "What df took for its answer.", "node", "resource")
DEVD_CPU = _gauge("devd_cpu_ratio", "Share of a processor that devd took in the last minute (ps %cpu).", "node")
PORTMAPPER = _gauge("nfs_portmapper_seconds", "What the portmapper took for its list.", "node")
NULL_CALL = _gauge("nfs_null_call_seconds", "What a daemon took for a NULL call.", "node", "program", "protocol")
NFS_CALL = _gauge("nfs_call_seconds", "What a call took that a client makes for an export.", "node", "export", "call")
NFS_AVAILABLE = _gauge("nfs_available_bytes", "Bytes that clients may still use, as FSSTAT says.", "node", "export")

VHID_MASTER = _gauge("carp_vhid_master", "1 where a vhid is MASTER, else 0.", "node", "interface", "vhid")
PRIMARY = _gauge("hast_primary", "1 where a resource is primary, else 0.", "node", "resource")
FAILOVERS = _counter("failovers_total", "Times that a node took over the service of a resource, as its journal says.",
                     "node", "resource")  # fmt: skip
ROLE_CHANGE = _gauge("role_change_timestamp_seconds", (
    "When a node last took over a resource or gave it up, as its journal says, in seconds since 1970."
), "node", "resource")  # fmt: skip
REPAIRS = _counter("repairs_total", "Repairs that monitoring asked a node for, by how they ended.",
                   "node", "repair", "result")  # fmt: skip

METRICS = (
    CHECK_STATE, REASON, LAST_RUN, DURATION,
    WELL, DEMOTION, MASTERS, VHID_MASTER, PRIMARY, DIRTY, REQUESTS, MAP_UPDATES, ERRORS, QUEUE, LOCALCNT, REMOTECNT,
    USED, AVAILABLE, INODES, ANSWER, DEVD_CPU, PORTMAPPER, NULL_CALL, NFS_CALL, NFS_AVAILABLE,
    FAILOVERS, ROLE_CHANGE, REPAIRS,
)  # fmt: skip
"""All there are, in the order in which a file has them."""

RESOURCE = r"(?P<resource>[^/].*)"
NODE = r"(?P<node>[^_]+)"
"""No host name has an underscore (RFC 1123, 2.1), so the last one of a label stands before it."""
EXPORT = r"(?P<export>/.*)"
OPERATIONS = {"reads": "read", "writes": "write", "deletes": "delete", "flushes": "flush"}
DAEMONS = {"nfs_tcp": ("nfs", "tcp"), "nfs_udp": ("nfs", "udp"), "mountd": ("mountd", "tcp")}
PER_CENT = 0.01

RULES = (
    Rule(f"{RESOURCE}_{NODE}_well", "", WELL),
    Rule(f"{RESOURCE}_{NODE}_localcnt", "", LOCALCNT),
    Rule(f"{RESOURCE}_{NODE}_remotecnt", "", REMOTECNT),
    Rule(r"(?P<node>[^/].*)_demotion", "", DEMOTION),
    Rule(r"(?P<node>[^/].*)_masters", "", MASTERS),
    Rule(f"{RESOURCE}_dirty", "B", DIRTY),
    *(Rule(f"{RESOURCE}_{word}", "c", REQUESTS, {"operation": one}) for word, one in OPERATIONS.items()),
    Rule(f"{RESOURCE}_activemap_updates", "c", MAP_UPDATES),
    Rule(f"{RESOURCE}_(?P<operation>read|write|delete|flush)_errors", "c", ERRORS),
    Rule(f"{RESOURCE}_queue_(?P<queue>[a-z]+)", "", QUEUE),
    Rule(f"{RESOURCE}_used", "%", USED, scale=PER_CENT),
    Rule(f"{RESOURCE}_available", "B", AVAILABLE),
    Rule(f"{RESOURCE}_inodes", "%", INODES, scale=PER_CENT),
    Rule(f"{RESOURCE}_answer", "s", ANSWER),
    Rule("devd_cpu", "%", DEVD_CPU, scale=PER_CENT),
    Rule("portmap", "s", PORTMAPPER),
    *(Rule(word, "s", NULL_CALL, {"program": program, "protocol": protocol})
      for word, (program, protocol) in DAEMONS.items()),
    Rule(f"{EXPORT}_(?P<call>mnt|getattr|fsstat)", "s", NFS_CALL),
    Rule(f"{EXPORT}_available", "B", NFS_AVAILABLE),
)  # fmt: skip
"""The first that fits a label and its unit."""
OURS = frozenset(each.name for each in REGISTRY)


def of_result(result: CheckResult) -> Iterator[Sample]:
    """What a check said. Of a plugin that is none of ours its numbers are left out: nothing says what they are."""
    whose = (result.host, result.service)
    yield Sample(CHECK_STATE, whose, float(result.status))
    yield Sample(REASON, (*whose, result.reason), 1.0)
    yield Sample(LAST_RUN, whose, result.ended)
    yield Sample(DURATION, whose, max(round(result.ended - result.started, 3), 0.0))
    if result.command in OURS:
        for number in measured(result.perfdata):
            if result.command in COMBINED:  # its numbers have the name of their check before them
                number = number._replace(label=number.label.partition("::")[2])
            yield from of_number(number, result.host)


def of_number(number: Measurement, node: str) -> Iterator[Sample]:
    """The number as a value of its metric; nothing where the table has none for it. `node`: which one the check ran on,
    for a label that names none."""
    for rule in RULES:
        match = re.fullmatch(rule.label, number.label)
        if match and number.unit == rule.unit:
            values = {"node": node, **match.groupdict(), **rule.fixed}
            value = number.value * rule.scale
            yield Sample(rule.metric, tuple(values[name] for name in rule.metric.labels), round(value, 9))
            return
