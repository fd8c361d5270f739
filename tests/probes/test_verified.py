"""The file of a comparison's result: what is written is read back, and what an earlier version wrote."""

from __future__ import annotations

from checks.probes import verified
from checks.probes.verified import Verification

RUN = Verification(
    0.0, 60.0, "nfs001", 128, 2 << 20, 1, 0, (17,), (("nfs002", 1),), "nfs002 cannot read 1 extent", "nfs002", 0,
    (("nfs002", "has counted 19 failed writes"),),
)  # fmt: skip


def test_a_result_is_read_as_it_was_written() -> None:
    assert verified.run_from(verified.as_values(RUN)) == RUN


def test_what_an_earlier_version_called_the_wrong_copy_is_a_sign_and_no_proof() -> None:
    earlier = dict(verified.as_values(RUN)) | {
        "wrong": "nfs002 has counted 19 failed writes: its copy is the wrong one"
    }
    del earlier["signs"]
    assert verified.run_from(earlier) == RUN._replace(wrong="", wrong_node="")
    assert verified.run_from(earlier | {"wrong": "", "wrong_node": ""}) == RUN._replace(
        wrong="", wrong_node="", signs=()
    )
