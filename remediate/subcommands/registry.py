"""Every subcommand of hastwatch, once: `remediate.command` finds its module here, the help and the manual its line.

hastwatch starts every minute, and for every command that a prefix with `pair exec` brings to a node: a subcommand is
named by the path of its module, which is imported only when it is asked for.
"""

SUBCOMMANDS = {
    "status": ("remediate.subcommands.status", "the status of both nodes"),
    "converge": ("remediate.subcommands.converge", "bring this node to the state that CARP calls for"),
    "switchover": ("remediate.subcommands.switchover", "move the service to the other node"),
    "take-over": ("remediate.subcommands.take_over", "take over from the other node, which runs this itself"),
    "promote": ("remediate.subcommands.promote", "promote this node, by decision of an operator"),
    "maintenance": ("remediate.subcommands.maintenance", "suspend automatic action: on, off, status"),
    "recover": ("remediate.subcommands.recover", "recover from a split-brain, on the node whose copy is given up"),
    "restore": ("remediate.subcommands.restore", "list a salvage, and restore files from it"),
    "verify": ("remediate.subcommands.verify", "compare both copies extent by extent, while clients are served"),
    "extents": ("remediate.subcommands.extents", "read this node's copy for the other one, which runs this itself"),
    "repair": ("remediate.subcommands.repair", "a repair that monitoring may request, where it is needed"),
    "clear": ("remediate.subcommands.clear", "go on after failed promotions"),
    "doctor": (
        "remediate.subcommands.doctor",
        "audit how both nodes are set up, each finding with its remedy; try hastd",
    ),
    "init": (
        "remediate.subcommands.init",
        "write the files of a new pair, or what an existing one lacks, and the commands",
    ),
    "journal": ("remediate.subcommands.journal", "what was done, why, and with what result"),
    "explain": ("remediate.subcommands.explain", "what a finding means, and what to do about it"),
    "ledger": ("remediate.subcommands.ledger", "what is known of this node's copies"),
    "hold": ("remediate.subcommands.hold", "how this node holds itself back in CARP, and why"),
    "reach": ("remediate.subcommands.reach", "whether clients are served at an address"),
    "tickle": ("remediate.subcommands.tickle", "wake NFS clients that wait for a node that has failed"),
    "clients": ("remediate.subcommands.clients", "the NFS clients that are woken when the service comes to this node"),
    "self-test": ("remediate.subcommands.self_test", "prove the wiring from the kernel to hastwatch"),
    "tree": ("remediate.subcommands.tree", "what the other node asks of a file system while it salvages"),
    "answer": ("remediate.subcommands.answer", "answer what the other node asks, as the forced command of its key"),
    "submit": ("remediate.subcommands.submit", "run a check and send its result to Icinga, NRDP or Nagios"),
    "contrib": ("remediate.subcommands.contrib", "configuration for engines and least privilege, generated"),
    "rehearse": ("remediate.rehearsal.rehearse", "play failures on a simulated pair and show what the checks report"),
    "pair": ("remediate.rehearsal.pair_command", "run a simulated pair and reach it: up, shell, env, fault, down"),
}
"""Name: the module whose `main(words)` it is and whose `parser()` its command line, what it does in one line."""
