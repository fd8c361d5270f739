"""Each finding of the audit: one setting is broken, the finding and only that appears, and its remedy, typed word by
word, ends it."""

from __future__ import annotations

import json
import py_compile
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.hast_setup import ACCEPTED
from checks.plugin.config import ConfigError
from checks.plugin.finding import Severity
from checks.setup import exports, logins, programs
from checks.setup.group import AuditedNode, SetupRow, Tier
from checks.setup.groups import GROUPS
from checks.setup.logins import ANSWER, CHECKS, REPAIRS, LoginFacts
from checks.setup.monitoring_user import SUDOERS, rules
from checks.setup.segment import BLOCK, COST, _digest
from remediate.contrib.placement import Placement
from remediate.rehearsal.observer import NodeOfThePair, SimulatedMemory
from remediate.subcommands.contrib import text as text_of
from simulator.commands.sed import edited
from simulator.network.carp import Advertisement
from tests.failover.installed_pair import state_directory
from tests.setup.audited import ACCEPTED as ACCEPTED_EXPORTS
from tests.setup.audited import TOML, AuditedPair, BrokenSetup, cheap_digests
from tests.setup.cases import CASES, QUICK

ROWS = {row.reason: row for group in GROUPS for row in group.rows if row.severity is not Severity.OK}


class Pairs:
    """A pair for each release and each node that may serve, made when it is first needed, and again where a test has
    left it broken."""

    def __init__(self, state: Path) -> None:
        self.state, self.made = state, dict[tuple[str, str], AuditedPair]()

    def sound(self, releases: str, serving: str = "nfs001") -> AuditedPair:
        """A pair without any finding, one node of which serves."""
        made = self.made.get((releases, serving))
        if made is None or made.wrong() or not self._rests(made, serving):
            number = len(list(self.state.iterdir()))
            made = self.made[releases, serving] = AuditedPair(self.state / f"{number}-{releases}", releases)
            if made.active.name != serving:
                made.swaps()
        return made

    @staticmethod
    def _rests(made: AuditedPair, serving: str) -> bool:
        standby = next(node for node in made.pair.nodes.values() if node.name != serving)
        return made.serves(made.pair.nodes[serving]) and made.rests(standby)


@pytest.fixture(scope="module")
def pairs() -> Iterator[Pairs]:
    with state_directory() as state, cheap_digests():
        yield Pairs(state)


def test_a_pair_that_is_set_up_as_documented_has_no_finding(pairs: Pairs) -> None:
    assert pairs.sound("").wrong() == []


def cases() -> Iterator[object]:
    """Each of them, where it makes a difference with the broken node in service and at rest."""
    for case in CASES:
        others = tuple(name for name in ("nfs001", "nfs002") if name not in case.on)
        for serving in dict.fromkeys((*(case.on[:1] if case.serving else ()), *others[:1])):
            title = f"{case.reason}, {serving} serves: {case.broken[0]}"
            is_quick = case in QUICK and serving == "nfs001"
            yield pytest.param(case, serving, id=title, marks=() if is_quick else pytest.mark.slow)


@pytest.mark.parametrize(("case", "serving"), list(cases()))
def test_a_setting_that_is_broken_is_the_finding_and_its_remedy_ends_it(
    case: BrokenSetup, serving: str, pairs: Pairs
) -> None:
    pair = pairs.sound(case.releases, serving)
    for name in case.on:
        pair.types(name, case.broken)
    _counts_anew(pair, case)
    findings = pair.wrong()
    assert [each.reason for each in findings] in ([case.reason], [case.reason] * len(case.on)), findings
    for name in case.on:
        pair.types(name, case.by_hand)
    pair.repairs(findings, case.fills)
    _counts_anew(pair, case)
    assert pair.wrong() == []


def _counts_anew(pair: AuditedPair, case: BrokenSetup) -> None:
    """Advertisements that came while only one of the nodes had the other password were refused."""
    for name in case.on if "pass" in case.broken[0] else ():
        pair.types(name, ["netstat -sz -p carp"])


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.reason)
def test_a_remedy_that_is_safe_or_of_the_network_is_typed_as_it_is_printed(row: SetupRow) -> None:
    cases = [case for case in CASES if case.reason == row.reason]
    if row.tier is Tier.MANUAL:
        assert all(case.why for case in cases if case.is_manual)
    else:
        assert not any(case.is_manual for case in cases)
        assert [line for line in re.findall(r"`([^`]*)`", row.action) if " " in line]
        assert not re.search(r"\b[A-Z]{4,}\b", row.action.replace("YES", ""))


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.reason)
def test_nothing_that_a_node_tells_is_put_between_quotes_of_a_remedy(row: SetupRow) -> None:
    """What fills in a placeholder is quoted for sh(1): between quotes it would end them."""
    for line in re.findall(r"`([^`]*)`", row.action):
        assert not re.search(r"'[^' ]*\{\w+\}|\{\w+\}[^' ]*'", line), line


def test_what_is_true_of_every_pair_is_a_remark(pairs: Pairs) -> None:
    pair = pairs.sound("")
    pair.types("nfs002", ["sysrc nfsv4_server_enable=YES"])
    for name in pair.pair.nodes:
        pair.configure(name, TOML.replace("backup =", "#"))
    remarks = [(each.reason, each.subject) for each in pair.audit() if each.severity is Severity.OK]
    pair.types("nfs002", ["sysrc nfsv4_server_enable=NO"])
    for name in pair.pair.nodes:
        pair.configure(name, TOML)
    assert ("setup-no-backup", "nfs001 and nfs002") in remarks
    assert ("setup-nfs4-grace", "nfs002") in remarks and ("setup-nfs4-grace", "nfs001") not in remarks
    assert {("setup-no-fencing", "nfs001"), ("setup-no-fencing", "nfs002")} <= set(remarks)


@pytest.mark.slow
def test_an_old_snapshot_is_found_on_the_node_that_has_the_pool_and_gone_with_the_remedy(state: Path) -> None:
    pair = AuditedPair(state, kind="zfs")
    settings = TOML.replace("backup =", 'snapshots = "home"\nbackup_age = 60\n# backup =')
    for name in pair.pair.nodes:
        pair.configure(name, settings)
    for text in ("home has no snapshot", "the newest snapshot of home is "):
        (old,) = pair.wrong()
        assert (old.reason, old.subject) == ("setup-snapshot-old", "nfs001") and old.text.startswith(text)
        pair.repairs([old])
        assert pair.wrong() == []
        pair.passes(120)


@pytest.mark.slow
def test_snapshots_of_a_dataset_that_no_node_has_are_found(pairs: Pairs) -> None:
    pair = pairs.sound("")
    for name in pair.pair.nodes:
        pair.configure(name, TOML.replace("backup =", 'snapshots = "tank/home"\nbackup ='))
    found = pair.wrong()
    for name in pair.pair.nodes:
        pair.configure(name, TOML)
    assert [each.reason for each in found] == ["setup-snapshots-nowhere"]
    assert pair.wrong() == []


def reasons(pair: AuditedPair) -> list[str]:
    return [finding.reason for finding in pair.wrong()]


def test_what_is_accepted_is_listed_with_the_reason_and_not_counted(pairs: Pairs) -> None:
    pair = pairs.sound("")
    listed = [each.text for each in pair.audit() if each.reason == ACCEPTED]
    assert (
        listed
        == ["line 1 of /etc/exports: -maproot=root (setup-export-root), accepted: the documented set-up has it"] * 2
    )
    pair.accepted.clear()
    assert reasons(pair) == ["setup-export-root"] * 2
    for name in pair.pair.nodes:
        pair.types(name, ["cp /etc/exports /root/exports"])
    pair.repairs(pair.wrong())
    gone = reasons(pair)
    for name in pair.pair.nodes:
        pair.types(name, ["cp /root/exports /etc/exports"])
    pair.accepted |= ACCEPTED_EXPORTS
    assert gone == []


@pytest.mark.parametrize(("options", "repaired"), [
    ("-maproot=root -network 10.0.0.0/8", " -network 10.0.0.0/8"), ("-ro,maproot=0:0,quiet", "-ro,quiet"),
    ("-maproot=root:wheel,ro", "-ro"), ("-maproot root -ro", " -ro"), ("-ro -r=0", "-ro "), ("-ro,root=root", "-ro"),
    ("-maproot=root2 -ro", None), ("-mapall=root", None), ("-maproot=nobody", None), ("-ro", None),
])  # fmt: skip
def test_root_of_a_client_is_root_no_more_and_the_other_options_stay(options: str, repaired: str | None) -> None:
    line = f"/hast/home {options}"
    option = exports.AS_ROOT.search(line)
    found = exports.judge(exports.ExportFacts({"x:1": line}, root={"x:1": option[0]} if option else {}))
    lines = [edited(line, shlex.split(each.values["script"])[0]) for each in found]
    assert lines == ([] if repaired is None else [f"/hast/home {repaired}"])


@pytest.mark.parametrize("reason", ["setup-nonsense", "setup-well", "command-failed", "node-unreachable"])
def test_what_is_no_finding_cannot_be_accepted(reason: str, pairs: Pairs) -> None:
    pair = pairs.sound("")
    pair.accepted[reason] = "because"
    with pytest.raises(ConfigError, match=reason):
        pair.audit()
    del pair.accepted[reason]


def test_nodes_of_different_releases_are_found(state: Path) -> None:
    pair = AuditedPair(state, "14.4,14.5")
    assert reasons(pair) == ["setup-releases-differ"]
    pair.pair.nodes["nfs001"].installed = pair.pair.nodes["nfs002"].installed
    pair.types("nfs001", ["shutdown -r now"])
    pair.passes(120)
    assert reasons(pair) == []


def test_a_stock_hastd_of_15_is_no_primary(pairs: Pairs) -> None:
    pair = pairs.sound("15.1+D57511")
    pair.configure("nfs002", TOML)
    assert reasons(pair) == ["setup-hastd-no-primary"]
    pair.configure("nfs002", TOML, repaired=True)
    assert reasons(pair) == []


def test_a_release_that_is_not_known_has_to_be_tried(pairs: Pairs) -> None:
    pair = pairs.sound("15.1+D57511")
    for name in pair.pair.nodes:
        pair.configure(name, TOML)
    release = pair.standby.installed._replace(osrelease="15.9-RELEASE")
    for node in pair.pair.nodes.values():
        node.installed = node.kernel.release = node.hastd.program = release
        node.kernel.values["kern.osrelease"] = release.osrelease
    assert reasons(pair) == ["setup-hastd-not-tried"] * 2
    pair.repairs(each for each in pair.wrong() if each.subject == pair.standby.name)
    assert [each.subject for each in pair.wrong()] == [pair.active.name]


def test_a_kernel_that_was_installed_and_not_booted_is_found(state: Path) -> None:
    pair = AuditedPair(state)
    pair.standby.installed = pair.standby.installed._replace(osrelease="13.2-RELEASE-p12")
    assert reasons(pair) == ["setup-kernel-old"]
    pair.types("nfs002", ["shutdown -r now"])
    pair.passes(120)
    assert reasons(pair) == []


@pytest.mark.slow
def test_passwords_that_differ_are_found_and_neither_is_told(state: Path) -> None:
    pair = AuditedPair(state)
    pair.types("nfs002", ["ifconfig vtnet1 vhid 2 pass Another", "sed -i '' 's/UltraSecret/Another/' /etc/rc.conf"])
    answers = [node.run(f"hastwatch-ask --setup {'0' * 32}").out for node in pair.pair.nodes.values()]
    assert reasons(pair) == ["setup-carp-password-differs", *["setup-carp-unauthentic"] * 2]
    assert not [answer for answer in answers if "UltraSecret" in answer or "Another" in answer]
    pair.types("nfs002", ["sed -i '' 's/Another/UltraSecret/' /etc/rc.conf"])
    assert reasons(pair) == [
        "setup-carp-password-differs",
        "setup-carp-password-at-boot",
        *["setup-carp-unauthentic"] * 2,
    ]
    pair.types("nfs002", ["ifconfig vtnet1 vhid 2 pass UltraSecret"])
    pair.passes(120)
    pair.types("nfs001", ["netstat -sz -p carp"])
    pair.types("nfs002", ["netstat -sz -p carp"])
    assert reasons(pair) == []


def test_a_digest_is_another_one_with_each_nonce_and_costs_memory() -> None:
    digests = {_digest("UltraSecret", nonce * 32, vhid) for nonce in "01" for vhid in (1, 2)}
    assert len(digests) == 4 and all(len(each) == 32 for each in digests)
    assert COST * BLOCK * 128 == 32 << 20 and _digest("", "0" * 32, 2) == ""


@pytest.mark.slow
def test_a_vhid_that_another_pair_uses_is_found_by_what_carp_discards(pairs: Pairs) -> None:
    pair = pairs.sound("")
    pair.standby.network.hear("vtnet1", Advertisement(2, 1.0, "of another pair", "10.1.101.77"))
    (found,) = pair.wrong()
    assert (found.reason, found.subject) == ("setup-carp-unauthentic", "nfs002")
    pair.repairs([found])
    assert pair.wrong() == []


def test_the_options_of_a_remedy_are_those_of_the_generated_lines() -> None:
    for by in ("sudo", "doas"):
        lines = text_of("authorized-keys", Placement(by=f"{by} -n"))
        for options in (ANSWER, CHECKS.replace("{by}", by), REPAIRS.replace("{by}", by)):
            assert f"\n{options} KEY-OF-" in lines


@pytest.mark.parametrize(("what", "group", "path"), [
    ("doas", ":monitoring", "/usr/local/etc/doas.conf"), ("doas", ":700", "/usr/local/etc/doas.conf"),
    ("sudoers", "%monitoring", "/usr/local/etc/sudoers.d/hastwatch"),
])  # fmt: skip
def test_rules_for_a_group_of_the_monitoring_user_are_as_good(what: str, group: str, path: str, pairs: Pairs) -> None:
    """With the keys of that user looked at, and not those of people who are in the group too."""
    pair = pairs.sound("")
    node = pair.standby
    files = {name: node.files.read(name) for name in ("/etc/passwd", "/etc/group", SUDOERS)}
    node.files.remove(SUDOERS)
    pair.types(node.name, [f"hastwatch contrib {what} --user {group} > {path}", f"chmod 440 {path}"])
    assert pair.wrong() == []
    node.files.write("/etc/passwd", files["/etc/passwd"] + "alice:*:1001:1001::/home/alice:/bin/sh\n")
    node.files.write("/etc/group", files["/etc/group"].replace("root,nagios", "root,nagios,alice"))
    for home in ("nagios", "alice"):
        node.files.write(f"/home/{home}/.ssh/authorized_keys", "ssh-ed25519 AAAAC3 somebody\n")
    (found,) = pair.wrong()
    assert found.text == "line 1 of /home/nagios/.ssh/authorized_keys is not restricted"
    pair.repairs([found])
    assert pair.wrong() == []
    node.files.remove(path)
    for name, text in files.items():
        node.files.write(name, text)


def test_the_remedy_of_rules_for_a_group_writes_them_for_that_group(pairs: Pairs) -> None:
    pair = pairs.sound("")
    node = pair.standby
    doas = "/usr/local/etc/doas.conf"
    pair.types(node.name, [f"hastwatch contrib doas --user :monitoring > {doas}"])
    whole = rules(node.files.read(doas))
    pair.types(node.name, [f"sed -i '' '/hastwatch args/d' {doas}"])
    (found,) = pair.wrong()
    assert found.reason == "setup-doas-other" and "contrib doas --user :monitoring >> " in found.action
    pair.repairs([found])
    assert rules(node.files.read(doas)) == whole
    node.files.remove(doas)


def test_a_remedy_keeps_what_narrows_a_key_and_takes_what_opens_it(pairs: Pairs) -> None:
    pair = pairs.sound("")
    path, key = "/root/.ssh/authorized_keys", "ssh-ed25519 AAAAC3 root@nfs001"
    narrowing = 'from="10.0.2.15,!10.0.2.16",expiry-time="20300101"'
    node = pair.standby
    node.files.write(path, f'{narrowing},pty,environment="A=b, c",command="sh" {key}\n')
    node.files.write("/etc/ssh/sshd_config", "PermitRootLogin prohibit-password\n")
    (found,) = pair.wrong()
    pair.repairs([found])
    assert node.files.read(path) == f"{narrowing},{ANSWER} {key}\n"
    assert pair.wrong() == []


@pytest.mark.parametrize("kept", ['from="a\\nb"', "~e/bin/sh", 'x="y\\"', "a b", "$(reboot)"])
def test_what_a_node_tells_of_a_key_is_no_script(kept: str) -> None:
    (found,) = logins.judge(LoginFacts(user={"1:/x": f"ssh-ed25519 checks {kept}"}))
    assert found.values["script"].startswith(shlex.quote("1s~^.*\\(ssh-ed25519 AAAA\\)~restrict,")[:-1])


def test_clocks_that_differ_are_found(pairs: Pairs) -> None:
    pair = pairs.sound("")
    pair.standby.skew = 60.0
    found = pair.wrong()
    pair.standby.skew = 0.0  # ntpd has stepped it
    assert pair.wrong() == []
    (only,) = found
    assert only.reason == "setup-clocks-differ" and re.fullmatch(r"nfs001 is -(59|6[0-2]) s from nfs002", only.text)


def test_providers_of_different_sizes_are_found(pairs: Pairs) -> None:
    pair = pairs.sound("")
    (disk,) = pair.standby.disks.values()
    disk.size *= 2
    found = reasons(pair)
    disk.size //= 2
    assert found == ["setup-providers-unlike"] and reasons(pair) == []


def test_extents_of_different_sizes_are_found_and_gone_with_another_copy(state: Path) -> None:
    pair = AuditedPair(state)
    pair.types("nfs002", ["hastctl role init home", "hastctl create -e 4194304 home"])
    assert reasons(pair) == ["setup-copies-unlike"]
    pair.types("nfs002", ["hastctl create home", "hastctl role secondary home"])
    assert reasons(pair) == []


def test_a_compiled_module_that_was_cut_off_is_found_and_gone_with_the_remedy(pairs: Pairs, tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    source = tmp_path / "checks" / "ask.py"
    source.write_text("ANSWER = 42\n" * 50)
    compiled = Path(py_compile.compile(str(source), doraise=True) or "")
    compiled.with_name("ask.cpython-27.pyc").write_bytes(b"another Python's")
    audited = AuditedNode(NodeOfThePair(pairs.sound("").active, 8.0, SimulatedMemory()), "0" * 32, str(tmp_path))
    assert programs.read(audited).broken == ()
    compiled.write_bytes(compiled.read_bytes()[:40])
    (found,) = programs.judge(programs.read(audited))
    assert found.reason == "setup-bytecode-broken" and "ask.cpython" in found.text
    row = ROWS[found.reason]
    (line, _) = re.findall(r"`([^`]*)`", row.action.replace("{directory}", found.values["directory"]))
    subprocess.run(shlex.split(line), check=True)
    assert programs.read(audited).broken == () and not compiled.exists()


TRIED_HERE = {
    "setup-bytecode-broken",
    "setup-carp-password-differs", "setup-carp-unauthentic",
    "setup-clocks-differ", "setup-copies-unlike", "setup-providers-unlike",
    "setup-export-root", "setup-hastd-no-primary", "setup-releases-differ", "setup-hastd-not-tried",
    "setup-kernel-old", "setup-snapshot-old", "setup-snapshots-nowhere",
}  # fmt: skip
"""Of the tests above."""


def test_every_row_has_a_case() -> None:
    assert ROWS.keys() - {case.reason for case in CASES} == TRIED_HERE


def test_a_group_that_cannot_be_read_is_unknown_by_its_name_and_hides_no_other(pairs: Pairs) -> None:
    pair = pairs.sound("")
    pair.types("nfs002", ["sysrc cron_enable=NO"])
    pair.standby.hung_commands.add("kldstat")
    found = {(each.reason, each.subject) for each in pair.wrong()}
    pair.standby.hung_commands.clear()
    pair.types("nfs002", ["sysrc cron_enable=YES"])
    assert found == {("command-hangs", "kernel on nfs002"), ("setup-service-disabled", "nfs002")}


def test_what_only_root_is_shown_is_not_taken_for_absent(pairs: Pairs) -> None:
    node = pairs.sound("").active
    answer = json.loads(node.run(f"hastwatch-ask --setup {'0' * 32}", user="nagios").out)["groups"]
    unread = {name for name, each in answer.items() if each.get("reason") == "permission-denied"}
    assert {"segment", "scripts"} <= unread


def test_a_node_that_does_not_answer_leaves_the_findings_of_the_other_one(state: Path) -> None:
    pair = AuditedPair(state)
    pair.types("nfs001", ["sysrc cron_enable=NO"])
    pair.standby.power_off()
    assert reasons(pair) == ["setup-service-disabled"]
    assert "peer-silent" in [finding.reason for finding in pair.audit()]  # it is MASTER
