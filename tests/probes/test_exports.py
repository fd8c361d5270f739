"""Lines of exports(5), and what mountd makes of them. The functions named are mountd.c's, FreeBSD 13.2 and 15.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import exports
from checks.probes.exports import MountdVerdict

YES, PERHAPS, NO = MountdVerdict.YES, MountdVerdict.PERHAPS, MountdVerdict.NO


@pytest.mark.parametrize(
    ("text", "paths", "taken"),
    [
        # the examples of exports(5)
        ("/usr /usr/local -maproot=0:10 friends", ("/usr", "/usr/local"), PERHAPS),
        ("/usr -maproot=daemon grumpy.cis.uoguelph.ca 131.104.48.16", ("/usr",), YES),
        ("/usr -ro -mapall=nobody", ("/usr",), YES),
        ("/u -maproot=bin: -network 131.104.48 -mask 255.255.255.0", ("/u",), YES),
        ("/a -network 192.168.0/24", ("/a",), YES),
        ("/a -network 3ffe:1ce1:1:fe80::/64", ("/a",), YES),
        ("/u2 -alldirs -network cis-net -mask cis-mask", ("/u2",), PERHAPS),
        ("/cdrom -alldirs,quiet,ro -network 192.168.33.0 -mask 255.255.255.0", ("/cdrom",), YES),
        ("/private -sec=krb5i", ("/private",), YES),
        # spellings: do_opt() takes a value behind `=`, from the next field, or between commas
        ("/h -network=10.0.0.0,mask=255.0.0.0,maproot=root", ("/h",), YES),
        ("/h -n 10.0.0.0 -m 255.0.0.0 -r root", ("/h",), YES),
        ("\t/h\t-ro,sec=sys:krb5\t10.0.0.1  ", ("/h",), YES),
        ("/h -maproot='root'", ("/h",), YES),
        ("/h -network 10.1.2.3/8", ("/h",), YES),
        ("/h -network fe80::%re2/10", ("/h",), YES),
        ("/h -network 10.0.0.0", ("/h",), YES),
        ("/h", ("/h",), YES),
        ("/h \\\n\t-ro \\  \n 10.0.0.1", ("/h",), YES),
        ("/h/mail\\040box", ("/h/mail\\040box",), PERHAPS),
        ("/h 10.0.0.1 # the office", ("/h",), YES),
        ("/h nfs-client", ("/h",), PERHAPS),
        # a `#` begins a comment at the beginning of a line alone
        ("/h # everyone", ("/h",), NO),
        ("/h -network 10.0.0.0/8 # the office", ("/h",), NO),
        # quotes stay in the field (nextfield()), and are part of a name that is not there
        ('"/h" -ro', ("/h",), NO),
        ('/h/"mail box"', ('/h/"mail box',), NO),
        ("/h/mail\\ box", ("/h/mail\\ box",), NO),
        # what do_opt(), check_options() and get_exportlist_one() refuse
        ("/h -rw", ("/h",), NO),
        ("/h -maproot", ("/h",), NO),
        ("/h -maproot -alldirs", ("/h",), NO),
        ("/h -maproot=root -mapall=nobody", ("/h",), NO),
        ("/h -mask 255.0.0.0", ("/h",), NO),
        ("/h -network 10.0.0.0/8 -mask 255.0.0.0", ("/h",), NO),
        ("/h -network 10.0.0.0 -mask 255.0.255.0", ("/h",), NO),
        ("/h -network 10.0.0.0/33", ("/h",), NO),
        ("/h -network 2001:db8::", ("/h",), NO),
        ("/h -network 10.0.0.0/8 10.0.0.1", ("/h",), NO),
        ("/h 10.0.0.1 -network 10.0.0.0/8", ("/h",), NO),
        ("/h -network 10.0.0.0/8 -network 11.0.0.0/8", ("/h",), NO),
        ("/h -sec=kerberos", ("/h",), NO),
        ("/h /h/mail -alldirs", ("/h", "/h/mail"), NO),
        ("/h -ro /h/mail", ("/h", "/h/mail"), NO),
        ("10.0.0.1 /h", ("/h",), NO),
        ("/h 10.0.0.0/8(rw,sync)", ("/h",), NO),
        ("/h *", ("/h",), NO),
        ("/h\r", ("/h",), NO),
        ("/h -ro\r", ("/h",), NO),
        ("/h -ro \\", ("/h",), NO),  # get_line(): the file ends before the line does
        (f"/{'h' * 255}", ("/" + "h" * 255,), NO),
    ],
)
def test_mountd_takes_a_line_or_refuses_it(text: str, paths: tuple[str, ...], taken: MountdVerdict) -> None:
    (line,) = exports.parse(text + "\n")
    assert (line.paths, line.taken) == (paths, taken), line.why
    assert bool(line.why) is (taken is not YES)


@pytest.mark.parametrize(
    "text", ["", "\n \n", "# /h", "  # /h \\\n/h", "V4: /h -sec=sys", "V4:/h", "10.0.0.1", "\\\n\n"]
)
def test_what_exports_no_directory_is_no_line(text: str) -> None:
    assert exports.parse(text) == ()


def test_a_line_keeps_its_number_over_continued_ones() -> None:
    lines = exports.parse("# a\n/h \\\n-ro\n\n/i\n")
    assert [(line.number, line.paths) for line in lines] == [(2, ("/h",)), (5, ("/i",))]


def test_quiet_is_known_of_a_line_that_is_refused() -> None:
    (line,) = exports.parse("/h -quiet -rw")
    assert line.quiet and line.taken is NO


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("/h -network 10.0.0.0", "10.0.0.0/8"),
        ("/h -network 172.16.0.0", "172.16.0.0/16"),
        ("/h -network 192.0.2.0", "192.0.2.0/24"),
        ("/h -network 10.1.101.0 -mask 255.255.255.0", "10.1.101.0/255.255.255.0"),
        ("/h -network 2001:db8::/32", "2001:db8::/32"),
        ("/h 10.0.0.1", ""),
    ],
)
def test_a_network_has_the_mask_that_mountd_gives_it(text: str, network: str) -> None:
    assert exports.parse(text)[0].network == network


@pytest.mark.parametrize(
    ("flags", "files"),
    [
        ("-r -S", ("/etc/exports",)),
        ("-r /etc/exports.hast", ("/etc/exports.hast",)),
        ("-rh 10.1.101.5 -p 900 /etc/exports /etc/exports.d/home", ("/etc/exports", "/etc/exports.d/home")),
        ("-r -- -odd", ("-odd",)),
        ("-e -l", ("/etc/exports",)),
    ],
)
def test_the_files_are_those_that_mountds_arguments_name(flags: str, files: tuple[str, ...]) -> None:
    assert exports.files(flags.split()) == files


def test_arguments_that_mountd_does_not_take_are_no_files() -> None:
    with pytest.raises(ValueError, match="mountd does not take -r -X"):
        exports.files(["-r", "-X"])


def test_a_line_belongs_to_the_file_system_that_its_directories_are_in() -> None:
    lines = exports.parse(
        "/hast/home/mail /hast/home//a/\n/hast/homes\n/hast /hast/home\n/hast/home/other/x\n/hast\\057home"
    )
    mine = exports.below(lines, "/hast/home", ("/hast/home", "/hast/home/other"))
    assert [(line.number, line.paths, line.taken) for line in mine] == [
        (1, ("/hast/home/mail", "/hast/home/a"), YES),
        (3, ("/hast/home",), NO),
        (5, ("/hast/home",), PERHAPS),
    ]
    assert mine[1].why == "its directories are in several file systems"


PATH = st.lists(
    st.text("abcXYZ019_.-", min_size=1, max_size=6).filter(lambda part: part.strip(".")), min_size=1, max_size=4
)
OCTET = st.integers(1, 254).map(str)
HOST = st.builds(".".join, st.tuples(OCTET, OCTET, OCTET, OCTET))
BLANK = st.sampled_from([" ", "\t", "  ", " \\\n", "\t\\ \n "])
OPTIONS = st.lists(
    st.sampled_from(
        ["-ro", "-quiet", "-sec=sys", "-sec krb5", "-maproot=root", "-maproot=0:10", "-o,quiet", "-maproot 0"]
    ),
    max_size=3,
)


@given(
    paths=st.lists(PATH, min_size=1, max_size=3),
    options=OPTIONS,
    clients=st.one_of(st.lists(HOST, max_size=3), st.builds("-network {}/16".format, HOST).map(lambda one: [one])),
    blank=BLANK,
    escaped=st.booleans(),
)
def test_a_line_that_was_written_is_read_back(
    paths: list[list[str]], options: list[str], clients: list[str], blank: str, escaped: bool
) -> None:
    directories = ["/" + "/".join(parts) for parts in paths]
    written = [each.replace("a", "\\141") if escaped else each for each in directories]
    (line,) = exports.parse(blank.join([*written, *options, *clients]) + "\n")
    assert [exports.decoded(path) for path in line.paths] == directories
    assert line.taken is (YES if written == directories else PERHAPS)
    assert line.hosts == tuple(each for each in clients if not each.startswith("-"))


@given(st.text(st.sampled_from("/hast -=,\\'\"#\n\t\r019.V4:mask network")), st.lists(st.text(max_size=5), max_size=2))
def test_no_text_makes_the_reader_fail(text: str, more: list[str]) -> None:
    for line in exports.parse(text + "\n".join(more)):
        assert line.paths and (line.why or line.taken is YES)
        exports.below([line], "/hast")
