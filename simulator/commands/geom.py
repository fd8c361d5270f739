"""geom(8), geli(8) and ggatel(8): what GEOM has, and the layers and devices that are made and destroyed by hand."""

from __future__ import annotations

from simulator.account.writes import LossCause
from simulator.clock import Steps
from simulator.shell.calls import Call, command
from simulator.storage import layers


@command("geom")
def geom(call: Call) -> Steps[int]:
    """geom(8) gate list: the names of what there is, as soon as GEOM answers (recorded: it never did, 42)."""
    yield from layers.graph(call.node)
    for unit, resource in enumerate(call.node.pair.layout.resources):
        if call.argv[1:] == ["gate", "list"] and call.node.files.exists(resource.device):
            call.out(f"Geom name: {resource.device[5:]}\nunit: {unit}\nread_provider: {resource.local[5:]}\n\n")
    return 0


@command("geli")
def geli(call: Call) -> int:
    """geli(8): attach -p -k KEYFILE PROVIDER, detach PROVIDER; the words of geom_eli.c and g_eli_ctl.c."""
    words, node = call.argv[1:], call.node
    verb, name = (words[0], words[-1].removeprefix("/dev/")) if len(words) > 1 else ("", "")
    mine = next((each for each in node.pair.layout.resources if each.layer == layers.ENCRYPTED
                 and name in (each.device[5:], each.filesystem_device[5:])), None)  # fmt: skip
    if mine is None or not node.files.exists(mine.device):
        call.err(f"geli: Cannot access {name} (error=1).\n" if verb == "attach" else f"geli: No such device: {name}.\n")
        return 1
    if verb == "attach":
        key = words[words.index("-k") + 1] if "-k" in words else ""
        if not node.files.exists(key):
            call.err(f"geli: Cannot open keyfile {key}: No such file or directory.\n")
            return 1
        if node.files.read(key) != mine.key:
            call.err(f"geli: Wrong key for {name}.\n")
            return 1
        layers.make(node, mine)
        return 0
    if any(each.resource.name == mine.name for each in node.filesystems.mounts.values()):
        call.err(f"geli: Cannot destroy device {mine.filesystem_device[5:]} (error=16).\n")
        return 1
    layers.goes(node, mine)
    return 0


@command("ggatel")
def ggatel(call: Call) -> int:
    """ggatel(8) destroy [-f] -u UNIT of a device that was left; the words of shared/ggate.c, g_gate_ioctl()."""
    words, node = call.argv[1:], call.node
    unit = words[words.index("-u") + 1] if "-u" in words[:-1] else ""
    name = next((each.name for at, each in enumerate(node.pair.layout.resources) if str(at) == unit), "")
    if words[:1] != ["destroy"] or name not in node.left:
        call.out("error: ggatel: ioctl(/dev/ggctl): Device not configured.\nerror: Exiting.\n")
        return 1
    if layers.is_open(node, name) and "-f" not in words:
        call.out("error: ggatel: ioctl(/dev/ggctl): Device busy.\nerror: Exiting.\n")
        return 1
    node.hastd.destroy_device(name, LossCause.UFS_DELAY)
    return 0
