"""How sure a report says to be: of the matches with the register that families are matched with."""

import pyarrow as pa
import pytest

from pprl_cli.reporting import Facts, _matching
from pprl_protocols.result_file import Pair, ResultHeader, Share

PARTIES = ("bkkbn", "dinkes", "disdik", "kemensos")
MEMBERS = pa.table({"family": ["F1", "F1", "F2"], "member": ["1", "2", "3"]})


def header():
    pairs = [
        Pair(
            other=other,
            accept={"nik": 500_000 + other},
            review={"nik": None},
            precision=Share(value=990_000 + other, low=980_000, high=999_000),
            recall=None,
        )
        for other in (1, 2, 3)
    ]
    return ResultHeader(
        run="ab" * 16, agreement="cd" * 32, recipient="bkkbn", parties=PARTIES,
        tiers=("nik",), pairs=tuple(pairs), rows=0, row_width=64,
    )  # fmt: skip


def overlap(**changed):
    """Return two members of one family, matched with the same one at every agency."""
    columns = {
        "id": ["1", "2", "3"] * 3,
        "party": [name for name in PARTIES[1:] for _ in range(3)],
        "status": ["matched", "matched", "none"] * 3,
        "precision": pa.array([990_000, 980_000, None] * 3, pa.int32()),
        "similarity": pa.array([1_000_000, 905_000, None] * 3, pa.int32()),
        "family": ["0a", "0a", None] * 3,
    } | changed
    return pa.table({name: each for name, each in columns.items() if each is not None})


def shown(beside=(), **changed):
    facts = Facts("bkkbn", None, None, header(), overlap(**changed), frozenset(beside))
    return _matching(facts, MEMBERS)


@pytest.mark.parametrize(
    ("beside", "other"), [((), 1), (("dinkes",), 2), (("dinkes", "disdik"), 3), (PARTIES[1:], 1)]
)
def test_registers_that_only_say_who_stands_in_them_arent_meant(beside, other):
    assert shown(beside).persons.value == pytest.approx(0.99 + other / 1_000_000)


def test_precision_is_that_of_families_and_doubts_what_persons_doubt():
    found = shown().precision
    assert found.value == pytest.approx(1 - 0.01 * 0.02)
    assert found.low < found.value <= found.high
    assert shown().persons.value < found.value


def test_where_families_werent_agreed_on_their_precision_isnt_known():
    found = shown(family=None)
    assert found.precision is None
    assert found.persons is not None


def test_the_histogram_counts_pairs_with_one_agency_alone():
    found = shown(("dinkes",)).histogram
    assert (found.pairs, found.accepted_without, found.review_without) == (2, 0, 0)
