"""hastctl's output as values: every recording is understood, nothing else is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes.errors import NotUnderstood
from checks.probes.hast import LocalErrorCounters, Metadata, NoState, Resource, Role, Status, parse_dump, parse_list
from tests.probes.recorded_outputs import outputs

LISTS = outputs("hastctl list")
DUMPS = outputs("hastctl dump home")

HEALTHY = """\
home:
  role: primary
  provname: home
  localpath: /dev/vtbd1
  extentsize: 2097152 (2.0MB)
  keepdirty: 64
  remoteaddr: tcp4://10.1.101.4:8457
  replication: fullsync
  status: complete
  workerpid: 1029
  dirty: 4194304 (4.0MB)
  statistics:
    reads: 1
    writes: 200
    deletes: 3
    flushes: 4
    activemap updates: 11
    local errors: read: 5, write: 6, delete: 7, flush: 8
    queues: local: 0, send: 1, recv: 2, done: 3, idle: 255
"""


def test_every_field_of_list_is_read() -> None:
    assert parse_list(HEALTHY, "home") == Resource(
        name="home",
        role=Role.PRIMARY,
        localpath="/dev/vtbd1",
        remoteaddr="tcp4://10.1.101.4:8457",
        replication="fullsync",
        extentsize=2097152,
        keepdirty=64,
        status=Status.COMPLETE,
        workerpid=1029,
        dirty=4194304,
        reads=1,
        writes=200,
        deletes=3,
        flushes=4,
        activemap_updates=11,
        errors=LocalErrorCounters(5, 6, 7, 8),
        queues={"local": 0, "send": 1, "recv": 2, "done": 3, "idle": 255},
    )


def test_without_a_worker_there_is_no_status_and_no_pid() -> None:
    text = HEALTHY.replace("  status: complete\n  workerpid: 1029\n", "")
    resource = parse_list(text, "home")
    assert (resource.status, resource.workerpid) == (Status.ABSENT, None)


def test_lines_that_a_newer_version_adds_are_let_pass() -> None:
    text = HEALTHY.replace("  dirty:", "  sourceaddr: tcp4://10.1.101.3\n  novelty: yes\n  dirty:")
    assert parse_list(text, "home") == parse_list(HEALTHY, "home")


def test_queues_are_not_printed_by_old_versions() -> None:
    text = HEALTHY[: HEALTHY.index("    queues:")]
    assert parse_list(text, "home").queues == {}


def test_debug_lines_are_let_pass() -> None:
    text = "[DEBUG][1] Privileges successfully dropped using capsicum+jail+setgid+setuid.\n" + HEALTHY
    assert parse_list(text, "home").role is Role.PRIMARY


def test_an_unknown_resource_is_hastds_error() -> None:
    with pytest.raises(NoState, match="ERR1 for home: no such resource"):
        parse_list("home:\n  error: 1\n", "home")


def test_one_of_several_resources_is_found() -> None:
    other = HEALTHY.replace("home:", "mail:", 1).replace("primary", "secondary")
    assert parse_list(other + HEALTHY, "home").role is Role.PRIMARY
    assert parse_list(other + HEALTHY, "mail").role is Role.SECONDARY


def test_every_recorded_list_is_understood() -> None:
    assert {parse_list(text, "home").role for text in LISTS} == set(Role)


def test_every_field_of_dump_is_read() -> None:
    text = (
        "resource: home\n    datasize: 268430848 (256MB)\n    extentsize: 2097152 (2.0MB)\n    keepdirty: 64\n"
        "    localoff: 4608\n    resuid: 8324191147599307269\n    localcnt: 1\n    remotecnt: 2\n"
        "    prevrole: primary\n"
    )
    expected = Metadata("home", 268430848, 2097152, 64, 8324191147599307269, 1, 2, Role.PRIMARY, 4608)
    assert parse_dump(text, "home") == expected


def test_every_recorded_dump_is_understood() -> None:
    assert {parse_dump(text, "home").prevrole for text in DUMPS} == set(Role)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("role: primary", "role: Meister"),
        ("role: primary", "role: primary\x1b[2J"),
        ("dirty: 4194304 (4.0MB)", "dirty: -1 (0B)"),
        ("dirty: 4194304 (4.0MB)", "dirty: 4194304 (4,0MB)"),
        ("dirty: 4194304 (4.0MB)", "dirty: \u0664"),
        ("dirty: 4194304 (4.0MB)", "dirty: "),
        ("  dirty: 4194304 (4.0MB)\n", ""),
        ("status: complete", "status: completely"),
        ("status: complete", "Status: vollständig\n  status complete"),
        ("workerpid: 1029", "workerpid: many"),
        ("fullsync", "sync|full"),
        ("read: 5, write: 6", "read: 5; write: 6"),
        ("delete: 7, ", ""),
        ("home:\n", "ho'me:\n"),
        ("home:\n", "ho|me:\n"),
        ("home:\n", "mail:\n"),
        ("home:\n", ""),
        ("  role", "role"),
        ("  keepdirty: 64\n", "  keepdirty: 64\n  keepdirty: 0\n"),
    ],
)
def test_what_hastctl_does_not_print_is_not_understood(old: str, new: str) -> None:
    assert old in HEALTHY
    with pytest.raises(NotUnderstood):
        parse_list(HEALTHY.replace(old, new, 1), "home")


def test_a_resource_that_is_named_twice_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="twice"):
        parse_list(HEALTHY + HEALTHY, "home")


@given(st.sampled_from(LISTS), st.integers(0, 600))
def test_an_output_cut_off_in_a_needed_line_is_never_understood_as_something_else(text: str, length: int) -> None:
    cut = text[:length]
    try:
        resource = parse_list(cut, "home")
    except (NotUnderstood, NoState):
        return
    whole = parse_list(text, "home")
    assert resource._replace(queues={}, errors=whole.errors) == whole._replace(queues={})


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from([*LISTS, *DUMPS]), st.data())
def test_garbled_output_gives_an_error_of_ours_or_values(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    garbled = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    for parse in (parse_list, parse_dump):
        try:
            parse(garbled, "home")
        except (NotUnderstood, NoState) as error:
            assert str(error).isprintable()


@given(st.text())
def test_any_text_at_all_is_no_resource(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_list(text, "home")
    with pytest.raises(NotUnderstood):
        parse_dump(text, "home")
