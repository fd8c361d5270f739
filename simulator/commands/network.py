"""ifconfig, sysctl, kldstat and their kin, sockstat."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count

from simulator.clock import Steps
from simulator.host.kernel import MODULES
from simulator.layout import VhidLayout
from simulator.network.carp import GROUP, CarpState, Vhid
from simulator.network.network import Interface, describe, describe_loopback
from simulator.shell.calls import Call, command
from simulator.storage import layers


@command("ifconfig")
def ifconfig(call: Call) -> int:
    """ifconfig(8): show, up and down, vhids and their addresses, loN create and destroy."""
    words, network, of = call.argv[1:], call.node.network, call.node.installed.ifconfig
    if not words or words in (["-a"], ["-ak"]):
        keys = words == ["-ak"] and call.user == "root"
        loopbacks = "".join(describe_loopback(name, of) for name in network.loopbacks)
        call.out("".join(describe(each, of, keys) for each in network.interfaces.values()) + loopbacks)
        return 0
    keys = words[:1] == ["-k"] and len(words) == 2
    words = words[keys:]
    if words == ["-l"]:
        call.out(" ".join([*network.interfaces, *network.loopbacks]) + "\n")
        return 0
    if len(words) == 2 and words[1] in ("create", "destroy"):
        return _clone(call, *words)
    if words[0] in network.loopbacks:
        call.out(describe_loopback(words[0], of))
        return 0
    interface = network.interfaces.get(words[0])
    if interface is None:
        call.err(f"ifconfig: interface {words[0]} does not exist\n")
        return 1
    if len(words) == 1:
        call.out(describe(interface, of, keys and call.user == "root"))
        return 0
    if words[1] in ("up", "down"):
        network.set_up(interface.name, words[1] == "up")
        return 0
    return _configure(call, interface, [word for word in words[1:] if word != "inet"])


def _clone(call: Call, name: str, verb: str) -> int:
    """Cloned loopback interfaces: `lo1` and above are made and unmade, `lo` makes the first free one."""
    network = call.node.network
    if call.user != "root":
        call.err(f"ifconfig: SIOCIF{'CREATE2' if verb == 'create' else 'DESTROY'}: Operation not permitted\n")
        return 1
    if verb == "create":
        if name == "lo":
            name = next(free for number in count(1) if (free := f"lo{number}") not in network.loopbacks)
            call.out(f"{name}\n")
        if not re.fullmatch(r"lo\d{1,5}", name) or name in network.loopbacks:
            reason = "File exists" if name in (*network.loopbacks, *network.interfaces) else "Invalid argument"
            call.err(f"ifconfig: SIOCIFCREATE2 ({name}): {reason}\n")
            return 1
        network.create_loopback(name)
        return 0
    if name not in (*network.loopbacks, *network.interfaces):
        call.err(f"ifconfig: interface {name} does not exist\n")
        return 1
    if name == "lo0" or name in network.interfaces:
        call.err("ifconfig: SIOCIFDESTROY: Invalid argument\n")
        return 1
    network.destroy_loopback(name)
    return 0


def _configure(call: Call, interface: Interface, words: list[str]) -> int:
    network = call.node.network
    settings: dict[str, str] = {}
    if "-alias" in words or "delete" in words:
        address = words[0].split("/")[0]
        held = [each for each in interface.vhids if each.layout.address == address]
        if held:
            network.remove_vhid(interface, held[0])
            return 0
        call.err("ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address\n")
        return 1
    unicast = ["peer"] if call.node.installed.ifconfig.peer else []
    while words:
        word = words.pop(0)
        if word == "mcast" and call.node.installed.ifconfig.peer:
            settings["peer"] = GROUP
        elif word in ("vhid", "advskew", "advbase", "pass", "state", "alias", *unicast) and words:
            settings[word] = words.pop(0)
        elif word[:1].isdigit():
            settings["alias"] = word
        else:
            call.err(f"ifconfig: {word}: bad value\n")
            return 1
    if "vhid" not in settings or not settings["vhid"].isdigit():
        call.err("ifconfig: vhid: bad value\n")
        return 1
    if "carp" not in call.node.kernel.modules:
        call.err("ifconfig: SIOCGVH: Protocol not supported\n")
        return 1
    number = int(settings["vhid"])
    vhid = next((each for each in interface.vhids if each.layout.vhid == number), None)
    if "alias" in settings:
        if "/" not in settings["alias"] and call.node.installed.ifconfig.wants_mask:
            call.err("ifconfig: ERROR: setting interface address without mask is no longer supported.\n")
            return 1
        layout = VhidLayout(number, settings["alias"].split("/")[0], interface.name)
        layout = replace(layout, password=settings.get("pass", ""))
        network.add_vhid(layout, int(settings.get("advskew", "0")))
        return 0
    if vhid is None:
        call.err("ifconfig: SIOCGVH: No such file or directory\n")
        return 1
    return _change(call, vhid, settings)


def _change(call: Call, vhid: Vhid, settings: dict[str, str]) -> int:
    if "advskew" in settings:
        vhid.advskew = int(settings["advskew"])
    vhid.peer = settings.get("peer", vhid.peer)
    if "pass" in settings:
        vhid.password = settings["pass"]
    if "state" in settings:
        if settings["state"] not in ("init", "backup", "master"):
            call.err(f"ifconfig: unknown state {settings['state']}\n")
            return 1
        vhid.force(CarpState(settings["state"].upper()))
    return 0


@command("sysctl")
def sysctl(call: Call) -> Steps[int]:
    """sysctl(8): NAME, a subtree, NAME=VALUE; -n for the value only, -i passes over what the kernel does not have."""
    if call.argv[1:] == ["-n", "kern.geom.confxml"]:
        call.out((yield from layers.graph(call.node)))
        return 0
    options = [word for word in call.argv[1:] if word.startswith("-") and "=" not in word]
    words = [word for word in call.argv[1:] if word not in options]
    bare, kernel, status = any("n" in option for option in options), call.node.kernel, 0
    for word in words:
        name, assignment, value = word.partition("=")
        names = kernel.select(name)
        if names is None and any("i" in option for option in options):
            continue
        if names is None:
            call.err(f"sysctl: unknown oid '{name}'\n")
            status = 1
        elif assignment:
            old = kernel.values[name]
            if call.user != "root":
                call.err(f"sysctl: {name}={value}: Operation not permitted\n")
                status = 1
                continue
            new = kernel.set(name, value)
            call.out(f"{old} -> {new}\n" if bare else f"{name}: {old} -> {new}\n")
        else:
            for each in names:
                call.out(f"{kernel.shown(each)}\n" if bare else f"{each}: {kernel.shown(each)}\n")
    return status


@command("kldstat")
def kldstat(call: Call) -> int:
    """kldstat(8), with -v, -m MODULE, -n FILE and -q."""
    words, loaded = call.argv[1:], call.node.kernel.modules
    quiet = "-q" in words
    if "-m" in words or "-n" in words:
        wanted = words[-1].removesuffix(".ko")
        for name in loaded:
            inner, module = MODULES[name][4]
            if "-m" in words and module == wanted:
                call.out("" if quiet else f"Id  Refs Name\n{inner:3d}    1 {module}\n")
                return 0
            if "-n" in words and name == wanted:
                call.out("" if quiet else HEADER + _module_line(name))
                return 0
        if not quiet:
            what = "module" if "-m" in words else "file"
            call.err(f"kldstat: can't find {what} {words[-1]}: No such file or directory\n")
        return 1
    verbose = "-v" in words
    call.out(HEADER)
    call.out(f" 1    {4 + len(loaded)} 0xffffffff80200000   d47000 kernel{' (/boot/kernel/kernel)' * verbose}\n")
    for name in sorted(loaded, key=lambda name: MODULES[name][0]):
        _, _, _, file, (inner, module) = MODULES[name]
        line = _module_line(name)
        call.out(f"{line[:-1]} (/boot/kernel/{file})\n\tContains modules:\n\t\t Id Name\n" if verbose else line)
        if verbose:
            call.out(f"\t\t{inner:3d} {module}\n")
    return 0


HEADER = "Id Refs Address                Size Name\n"


def _module_line(name: str) -> str:
    number, address, size, file, _ = MODULES[name]
    return f"{number:2d}    1 {address} {size:>8} {file}\n"


@command("kldload", "kldunload")
def kldload(call: Call) -> int:
    """kldload(8), kldunload(8)"""
    name = call.argv[-1].removesuffix(".ko")
    if call.argv[0].endswith("kldload"):
        if name in call.node.kernel.modules:
            if "-n" in call.argv:
                return 0
            call.err(f"kldload: can't load {name}: module already loaded or in kernel\n")
            return 1
        call.node.kernel.load(name)
        return 0
    if not call.node.kernel.unload(name):
        call.err(f"kldunload: can't find file {name}: No such file or directory\n")
        return 1
    return 0


@command("sockstat")
def sockstat(call: Call) -> int:
    """sockstat(1) -l4: listening IPv4 sockets."""
    node = call.node
    call.out("USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS      \n")
    for process in sorted(node.processes.by_pid.values(), key=lambda process: -process.pid):
        ports: list[tuple[int, str, str]] = []
        if process.comm == "hastd" and process.user == "root":
            ports = [(6, "tcp4", listen.rsplit(":", 1)[1]) for listen in node.hastd.conf.listen]
        elif process.comm == "sshd":
            ports = [(4, "tcp4", "22")]
        elif process.title == "nfsd: master":
            ports = [(5, "tcp4", "2049")]
        elif process.comm in ("mountd", "rpc.statd"):
            service, fd = ("mountd", 8) if process.comm == "mountd" else ("status", 6)
            port = _port(call, service, "udp")
            ports = [(fd, "udp4", port), (fd + 1, "tcp4", port)] if port else []
        elif process.comm == "rpcbind":
            ports = [(9, "udp4", "111"), (10, "udp4", "642"), (11, "tcp4", "111")]
        for fd, protocol, port in ports:
            user, comm = process.user, process.comm
            call.out(f"{user:<8} {comm:<10} {process.pid:<5} {fd:<2} {protocol:<6} {'*:' + port:<21} *:*\n")
    kernel = [("udp4", "2049")] if node.nfs.running("nfsd") else []
    if node.nfs.running("lockd"):
        kernel += [("udp4", "*"), ("udp4", _port(call, "nlockmgr", "udp")), ("tcp4", _port(call, "nlockmgr", "tcp"))]
    for protocol, port in kernel:
        call.out(f"{'?':<8} {'?':<10} {'?':<5} {'?':<2} {protocol:<6} {'*:' + port:<21} *:*\n")
    return 0


def _port(call: Call, service: str, netid: str) -> str:
    return call.node.nfs.ports.get((service, netid), "*")
