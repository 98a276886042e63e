"""How sure a report says to be: of the matches with the register that families are matched with."""

import pytest

from pprl_cli.reporting import _matching
from pprl_protocols.result_file import Pair, ResultHeader, Share

PARTIES = ("bkkbn", "dinkes", "disdik", "kemensos")


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


@pytest.mark.parametrize(
    ("beside", "other"), [((), 1), (("dinkes",), 2), (("dinkes", "disdik"), 3), (PARTIES[1:], 1)]
)
def test_registers_that_only_say_who_stands_in_them_arent_meant(beside, other):
    shown = _matching(header(), frozenset(beside))
    assert shown.precision.value == pytest.approx(0.99 + other / 1_000_000)
