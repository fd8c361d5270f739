"""Scenarios that are played on a simulated pair (`simulator`), with hastwatch and monitoring at work on it.

* the pair as a user has it: `own_pair`, `setting`, `service` (clients that write), `cron`, `engine` (monitoring);
* hastwatch as a program of its nodes: `installed`, `own_commands`, `context` (`remediate.context` on a node),
  `invocation` (what a command of a node prints to and acts in), `machine`, `sessions`, `scratch`, `contents`,
  `mount_tree`, `observer` (the checks);
* scenarios: `scenario`, `scenarios`, `documented`, `automatic`, `upgrade`, `procedures`, `faults` (pairs of them);
* how they are told: `story`, `deeds`, `salvaged`, `report` (in full), `brief`, `comparison`, `rehearse`;
* the pair as commands: `pair_command`, `pair_up`, `server`, `exec_client`, `arguments`, `state`.
"""
