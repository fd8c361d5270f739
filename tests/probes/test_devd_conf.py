"""devd.conf(5) as devd reads it, and which of the rules it runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.devd_conf import DevdConfError, DevdConfiguration, DevdRule, atoi
from checks.probes.errors import NotUnderstood

OURS = """\
# our own
notify 100 {
    match "system"    "CARP";
    match "subsystem" "[0-9]+@[0-9A-Za-z._:+-]+"; // any interface
    match "type"      "(MASTER|BACKUP|INIT)";
    /* several
       lines */
    action "/usr/local/sbin/carp-hast-switch $subsystem $type";
};
"""
NARROW = OURS.replace("[0-9A-Za-z._:+-]+", "[0-9a-z]+").replace("carp-hast-switch", "other").replace("100", "30")


def event(subsystem: str = "2@em0", kind: str = "MASTER", system: str = "CARP") -> dict[str, str]:
    return {"system": system, "subsystem": subsystem, "type": kind}


def read(*texts: str) -> DevdConfiguration:
    configuration = DevdConfiguration()
    for number, text in enumerate(texts):
        configuration.read(text, f"{number}.conf")
    return configuration


def only(text: str) -> DevdRule:
    (rule,) = read(text).rules
    return rule


def matching(*matches: str) -> str:
    return f'notify 0 {{ {" ".join(matches)} action "x"; }};\n'


def fits(text: str, variables: dict[str, str] | None = None) -> bool:
    """Whether the only rule of a text fits an event."""
    configuration = read(text)
    return configuration.rules[0].fits(configuration.variables_of(variables or event()))


def test_a_rule_is_read() -> None:
    rule = only(OURS)
    assert (rule.priority, rule.line, len(rule.matches)) == (100, 2, 3)
    assert rule.actions == ("/usr/local/sbin/carp-hast-switch $subsystem $type",)


@pytest.mark.parametrize("subsystem", ["2@em0", "255@vlan0.100", "1@em0_1", "12@wg-context"])
def test_the_pattern_of_our_rule_fits_every_interface_name(subsystem: str) -> None:
    assert fits(OURS, event(subsystem))


@pytest.mark.parametrize(
    "other", [event("2@em 0"), event(kind="MASTERS"), event(system="IFNET"), event("@em0"), {"x": ""}]
)
def test_a_pattern_must_match_the_whole_value(other: dict[str, str]) -> None:
    assert not fits(OURS, other)


def test_the_documented_pattern_misses_a_vlan() -> None:
    assert fits(NARROW) and not fits(NARROW, event("2@vlan0.100"))


# match::match(), match::do_match()


@pytest.mark.parametrize(
    ("pattern", "holds"),
    [
        ("carp", True),  # REG_ICASE
        ("[[:alpha:]]+", True),
        ("C|X", True),  # ^C|X$: an alternative without a group is anchored on one side only
        ("X|P", True),
        ("X|A", False),
        ("", None),  # no string for token.l
        ("^CARP$", True),
        ("CARP$", True),
        ("CARP$$", True),
        (r"\w+", False),  # refused by regcomp(3), so never true
        (r"!\w+", True),  # and its opposite always
        ("(?:CARP)", False),
        ("!IFNET", True),
        ("!!CARP", True),  # only the first ! is one
        ("! CARP", True),
        (".*", True),
        ("CARP|", True),
        ("(CARP|)", False),
    ],
)
def test_a_pattern_is_libcs(pattern: str, holds: bool | None) -> None:
    text = matching(f'match "system" "{pattern}";')
    if holds is None:
        with pytest.raises(DevdConfError):
            read(text)
    else:
        assert fits(text) is holds


def test_all_matches_must_hold_two_of_one_variable_too() -> None:
    assert not fits(matching('match "type" "BACKUP";', 'match "type" "MASTER";'))
    assert fits(matching('match "type" "M.*";', 'match "type" ".*R";'))


def test_a_rule_without_matches_fits_everything_and_one_without_actions_runs_nothing() -> None:
    assert fits('notify 0 { action "x"; };')
    silent = read('notify 9 { match "system" "CARP"; };' + OURS.replace("100", "1"))
    assert silent.first(event())[0].actions == ()


def test_class_device_name_and_subdevice_are_matches() -> None:
    for keyword in ("class", "device-name", "subdevice"):
        assert not fits(matching(f'{keyword} "x";')) and fits(matching(f'{keyword} "x?";'))


@pytest.mark.parametrize(("kind", "holds"), [("Ethernet", False), ("802.11", False), ("atm", False), ("unknown", True)])
def test_the_subsystem_of_carp_is_no_interface_with_a_medium(kind: str, holds: bool) -> None:
    assert fits(matching(f'media-type "{kind}";')) is holds


def test_the_whole_event_can_be_matched() -> None:
    assert fits(matching('match "*" "!system=CARP .* type=MASTER";'))
    assert fits(matching('match "_" "system=CARP subsystem=2@em0 .*";'))


def test_what_only_devd_knows_is_not_judged_unless_another_match_decides() -> None:
    with pytest.raises(NotUnderstood):
        fits(matching('match "timestamp" "1.*";'))
    assert not fits(matching('match "timestamp" "1.*";', 'match "system" "IFNET";'))


# config::expand_string()


def test_a_variable_stands_for_what_was_set_before() -> None:
    options = 'options { set carp-sub "[0-9]+@(vtnet|em)[0-9]+"; };\n'
    rule = matching('match "subsystem" "$carp-sub";')
    assert fits(options + rule)
    later = read(rule, options)
    assert not later.rules[0].fits(later.variables_of(event()))
    other_file = read(options, rule)
    assert other_file.rules[0].fits(other_file.variables_of(event()))


def test_a_variable_that_was_set_can_be_matched_and_holds_no_other() -> None:
    assert fits('options { set context "north"; };' + matching('match "context" "north";'))
    assert not fits('options { set a "$b"; set b "CARP"; };' + matching('match "system" "$a";'))


def test_the_last_value_counts_from_there_on() -> None:
    text = 'options { set a "x"; set a "CARP"; };' + matching('match "system" "$a";')
    assert fits(text)


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("h $subsystem $type", "h $'2@em0' $'MASTER'"),
        ("h ${subsystem} $type", "h ${subsystem} $'MASTER'"),  # a brace is left to sh
        ("h $missing.x", "h $''.x"),
        ("h $type-x", "h $''"),  # `type-x` is a name
        ("h $(echo $type)", "h $(echo $type)"),
        ("h $$type $1 $? $", "h $type $1 $? $"),
        ("h $*", "h $'!system=CARP subsystem=2@em0 type=MASTER'"),
        ("echo '$type'", "echo '$'MASTER''"),
    ],
)
def test_an_action_is_expanded_and_quoted(action: str, command: str) -> None:
    assert DevdConfiguration().command(action, event()) == command


def test_a_quote_in_a_value_is_escaped() -> None:
    assert DevdConfiguration().command("$type", event(kind="a'b\\c")) == "$'a\\'b\\\\c'"


# config::find_and_execute()


def test_devd_runs_the_rule_of_the_highest_priority() -> None:
    configuration = read(NARROW + OURS)
    for subsystem in ("2@em0", "2@vlan0.100"):
        assert [rule.priority for rule in configuration.first(event(subsystem))] == [100]


def test_of_one_priority_devd_runs_the_first_one_of_a_file() -> None:
    assert [rule.line for rule in read(OURS + OURS).first(event())] == [2]


def test_files_of_one_directory_have_no_order_and_directories_have() -> None:
    configuration = DevdConfiguration()
    configuration.read(OURS, "/usr/local/etc/devd/a.conf", 2)
    configuration.read(OURS, "/usr/local/etc/devd/b.conf", 2)
    assert {rule.file[-6:] for rule in configuration.first(event())} == {"a.conf", "b.conf"}
    configuration.read(OURS, "/etc/devd/c.conf", 1)
    assert [rule.file for rule in configuration.first(event())] == ["/etc/devd/c.conf"]


def test_a_rule_that_is_not_judged_matters_only_where_it_comes_first() -> None:
    odd = 'notify 50 { match "timestamp" "1.*"; action "x"; };\n'
    assert [rule.priority for rule in read(odd + OURS).first(event())] == [100]
    with pytest.raises(NotUnderstood):
        read(odd + OURS.replace("100", "10")).first(event())


@pytest.mark.parametrize(("digits", "value"), [("0", 0), ("007", 7), ("2147483647", 2**31 - 1), ("4294967295", -1)])
def test_a_priority_is_an_int(digits: str, value: int) -> None:
    assert atoi(digits) == value


# token.l, parse.y


def test_other_sections_are_read_and_run_for_no_event() -> None:
    text = (
        'options { directory "/etc/devd"; directory "/x"; pid-file "/p"; set x "y"; };\n'
        'attach 10 { device-name "ums[0-9]+"; action "z"; };\ndetach 0 { };\nnomatch 1 { match "bus" "x"; };\n'
    )
    configuration = read(text + OURS)
    assert len(configuration.rules) == 1
    assert configuration.directories == ["/etc/devd", "/x"]
    assert configuration.variables == {"x": "y"}


@pytest.mark.parametrize(
    "text",
    [
        "notify {",
        "notify x { };",
        'notify 1 { match "a" "b" };',
        'notify 1 { action "x"; }',
        'notify 1 { action "x; };',
        "}",
        "options { };",
        'notify 1 { match a "b"; };',
        'NOTIFY 1 { action "x"; };',  # keywords have one case
        "Options { };",
        'options { set directory "x"; };',  # a keyword is not a name
        'notify 1 { action "say \\"x\\""; };',  # a string has no escapes
        'notify 1 { match "a" ""; action "x"; };',  # an empty string is none
        'notify 1 { action "x"; };\n# the end',  # a comment without a line end is none
        "/* open",
        'notify 1 { set a "b"; };',
        'include "x";',
    ],
)
def test_devd_does_not_start_with_a_wrong_file(text: str) -> None:
    with pytest.raises(DevdConfError):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n# only a comment\n",
        "notify 1 { };",
        'notify\n1{action"x";};',
        "/* a **/ /***/ // b\n#c\n",
        "é = . ( )",  # flex prints what is not a token, and goes on
        '\r\nnotify 1 { action "x"; };\r\n',
        'notify 1 { match, "a" : "b"; };',
        "#",
    ],
)
def test_what_devd_takes_is_read(text: str) -> None:
    read(text)


def test_a_line_goes_on_within_a_string() -> None:
    rule = only('notify 1 { action "logger a \\\n\t\tb \\\r\n c"; };')
    assert rule.actions == ("logger a b \\\r\n c",)
    assert only('notify 1 { action "a \\\n  "; };').actions == ('a "',)  # token.l takes in the closing quote


def test_a_wrong_file_is_named_with_its_line() -> None:
    with pytest.raises(DevdConfError, match=r"0\.conf, line 3"):
        read('# one\noptions { set a "b"; };\noptions { };')


@given(st.text(alphabet=st.sampled_from(list('notify 10{}";=#/*\n\\$@mach'))))
def test_any_text_gives_rules_or_an_error_of_ours(text: str) -> None:
    try:
        read(text)
    except NotUnderstood as error:
        assert str(error).isprintable()


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(["notify", "options", " 1 ", "{", "}", ";", '"a"', "match", "action", "set x", "#c\n", "\n"])
    )
)
def test_blanks_and_comments_change_nothing(parts: list[str]) -> None:
    def outcome(text: str) -> object:
        try:
            return [rule._replace(line=0) for rule in read(text).rules]
        except DevdConfError:
            return DevdConfError

    assert outcome(" ".join(parts)) == outcome(" /* x\n */\n".join(parts))
