"""The simulated programs read FreeBSD's files by readers of their own: they and those of the checks agree on texts made
up by chance, of pieces that matter to either."""

from __future__ import annotations

import random
import warnings

import pytest

from checks.probes import devd_conf, ere, exports, rc_conf
from checks.probes.errors import NotUnderstood
from simulator.host import devd_rules
from simulator.nfs import exports_file
from simulator.node import Node
from simulator.pair import Pair
from simulator.rc.variables import rc_variables

TEXTS = 3000


def words(text: str) -> list[str]:
    """Pieces without a blank in them."""
    return text.split()


EXPORTS = [
    *words(r"""/hast/home /hast/home/mail "/hast/home" /a\040b /a\qb /a\nb \ # V4: * ' -ro -maproot=root -maproot root
    -mapall=nobody -mapall -alldirs -alldirs,ro,quiet -quiet -network 10.1.101.0/24 -network=10.1.101.0 -network=10/8
    -network=a/99 -network=10.1.101.0/99 -mask 255.255.255.0 -mask=255.0.255.0 -network=2001:db8:: 2001:db8::/32 -n -m
    -sec=sys:krb5 -sec=foo -maprut=root -index -index=x -,ro -ro, -webnfs 10.1.101.1 host"""),
    *("\\\n", "\r"),
]
PATTERNS = words(r"""a b A 0 _ - . ^ $ ( ) | * + ? { } {1,2} {2} [ab] [^a] []a] [[:alpha:]] [a-c_.:-] \. \d \( [a lo9123
    MASTER [^]] [\.] [[:digit:]x]""")
VALUES = ["", "ba ab", *words(r"a ab AB aab 0 a_b a.b lo9123 MASTER 2@vtnet1 a\b . x] ((")]
RULES = [
    *words("""notify attach 100 5 { } ; }; match "system" "CARP" action "/x$type" class media-type "ethernet" options
    set directory "/etc/devd" iface /**/"""),
    *('"a\\\nb"', "# c\n", "// c\n", "\n"),
    'notify 100 { match "system" "CARP"; action "/x $type $$ $(y $z) $"; };',
    'notify 5 { match "type" "M.*"; match "subsystem" "$iface"; action "b"; };',
    'notify 9 { media-type "foo"; action "c $*"; };',
    'notify 7 { media-type "ethernet"; action "c"; };',
    'options { set iface "2@vtnet[0-9]"; };',
]
EVENT = {"system": "CARP", "subsystem": "2@vtnet1", "type": "MASTER"}
LINES = [
    "mountd_flags=-l",
    "mountd_flags='-r -n'",
    'mountd_flags="$mountd_flags -p 900"',
    "mountd_flags=",
    "mountd_flags=${mountd_flags:--n -l}",
    ": ${mountd_flags:=-n}",
    'mountd_flags="-h ${x-y} $x"',
    "mountd_flags=$x # c",
    "x=${zfs_enable:+on}",
    "x=a\\ b; mountd_flags=$x",
    "x='a b'\nmountd_flags=$x",
    "true && x=5",
    "zfs_enable=yes",
    "zfs_enable=NO x=2",
    "if checkyesno zfs_enable; then mountd_flags=-a; else x=1; fi",
    'rc_conf_files="/etc/rc.conf /etc/other"',
    "# c",
]


def texts(pieces: list[str], between: str, most: int) -> list[str]:
    """Pieces in any order, some of them more often than once."""
    chance = random.Random(292322)
    return [between.join(chance.choice(pieces) for _ in range(chance.randint(0, most))) for _ in range(TEXTS)]


@pytest.mark.slow
def test_exports() -> None:
    taken = 0
    for text in texts(EXPORTS, " ", 5):
        for ending in ("\n", "", " \\", "\n/x\n"):
            theirs = [
                (
                    line.text,
                    line.quiet,
                    line.taken is exports.MountdVerdict.NO,
                    line.why.startswith("there is no option"),
                )
                for line in exports.parse(f"/hast/home {text}{ending}")
            ]
            ours = list(exports_file.read(f"/hast/home {text}{ending}"))
            assert [(line.text, line.quiet, line.refused, line.bad_option != "") for line in ours] == theirs
            good = [
                line
                for line in exports.parse(f"/hast/home {text}{ending}")
                if line.taken is not exports.MountdVerdict.NO
            ]
            for one, other in zip([line for line in ours if not line.refused], good, strict=True):
                taken += 1
                assert (one.alldirs, one.network, one.hosts) == (other.alldirs, other.network, list(other.hosts))
                assert list(map(exports_file.decoded, one.paths)) == list(map(exports.decoded, other.paths))
    assert taken > 100


@pytest.mark.slow
def test_expressions_of_devd() -> None:
    """But for the boundaries of words, of which engine.c has a view of its own."""
    matched = 0
    for text in texts(PATTERNS, "", 6):
        try:
            expression = ere.compiled(f"^{text}$")
        except ere.BadExpression:
            expression = None
        except NotUnderstood:
            continue
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            simulated = [devd_rules.found(f"^{text}$", value) for value in VALUES]
        assert simulated == [expression is not None and expression.found_in(value) for value in VALUES], text
        matched += any(simulated)
    assert matched > 100


def test_rules_of_devd() -> None:
    acts = 0
    for text in texts(RULES, " ", 7):
        theirs, ours = devd_conf.DevdConfiguration(), devd_rules.DevdConfiguration()
        try:
            theirs.read(text, "devd.conf")
            rules = theirs.first(EVENT)
        except devd_conf.DevdConfError:
            with pytest.raises(devd_rules.Unparsable):
                ours.read(text, "devd.conf")
            continue
        ours.read(text, "devd.conf")
        assert ours.actions(EVENT) == [theirs.command(action, EVENT) for rule in rules[:1] for action in rule.actions]
        assert ours.directories == theirs.directories
        acts += bool(rules)
    assert acts > 30


class FilesOf(rc_conf.Files):
    """Those of a simulated node."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def read(self, path: str) -> str | None:
        """The text of a file."""
        return self.node.files.read(path) if self.node.files.exists(path) else None

    def names(self, path: str) -> list[str] | None:
        """None: no directory is among them."""
        return None


def test_rc_conf() -> None:
    node = Pair().nodes["nfs001"]
    node.files.write("/etc/other", "x=9\n", 0.0)
    known = 0
    for text in texts(LINES, "\n", 5)[: TEXTS // 5]:
        node.files.write("/etc/rc.conf", f"{text}\n", 0.0)
        shell = rc_conf.shell_of("mountd", FilesOf(node), complete=True)
        ours = rc_variables(node, "mountd")
        for name in ("mountd_flags", "zfs_enable", "x"):
            if shell.known(name):
                known += 1
                assert ours.get(name) == shell.get(name), (name, text)
    assert known > 1000
