"""A simulated pair of FreeBSD nodes with HAST, CARP, devd and NFS, and everything that can be broken on it.

Start reading at `pair.py`. From the bottom up:

* time and costs: `clock`, `costs`, `processor`; how the pair is configured: `layout`;
* the data: `writes` (numbered writes and the account), `disk`, `accounting` (where is what, what would be lost);
* replication: `metadata` (the decision table), `hastconf`, `hastd`, `reloading`, `handshake`, `replication` (the
  primary), `secondary`, `component` (one side's requests), `synchronisation`, `statistics`, `left_device`,
  `bug_292322`;
* the rest of a node: `link`, `network`, `carp`, `devd`, `mounts` with `ufs` and `zfs`, `filesystems`, `local_users`,
  `nfs`, `nfs_ports`, `exports`, `services`, `rc_nfs`, `service_jails`, `release` (what differs by it),
  `base_packages`, `scratch` (a second hastd), `contents` (what a disk reads as), `kernel`, `processes`, `files`,
  `log`, `boot`, `boot_messages`, `trouble`, all held together by `node`;
* command lines: `shell` (the registry), `shell_syntax`, and the package `commands`, one module per subject;
* hooks: `programs`, `documented_hook`; the NFS client: `client`;
  what can be broken: `faults`, `release_faults`, `refusals`, `fault_registry`, `fault_words`; hastwatch as a program of
  a node, and its sudden death: `site`, `dying`;
  the two nodes at a glance: `state`; the healthy pair, with the user's resources: `own_pair`;
* the pair as commands: `pair_command`, `pair_up`, `server`, `exec_client`, `arguments`;
* rehearsing on it: `scenario`, `scenarios`, `upgrade`, `procedures`, `observer` (the checks), `service` (the clients),
  `pace`, `telling`, `rehearse`.

What the simulation says is held against recordings of a real pair in `tests/simulator/test_conformance.py`
and `test_conformance_15.py`.
"""
