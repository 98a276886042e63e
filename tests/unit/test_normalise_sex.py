"""Sex as Indonesian files write it."""

import pyarrow as pa
import pytest

from pprl.normalise.sex import FEMALE, MALE, UNKNOWN, normalise_sex


@pytest.mark.parametrize(
    ("texts", "sex"),
    [
        (
            [
                "L",
                "l",
                "LK",
                "Lk.",
                "LAKI-LAKI",
                "laki laki",
                "Laki - Laki",
                "Pria",
                "M",
                "male",
                "1",
                "1.0",
            ],
            MALE,
        ),
        (["P", "p", "PR", "Perempuan", "WANITA", "W", "F", "Female", "2", " 2 ", "2.0"], FEMALE),
        (["", " ", "-", "?", "X", "3", "LP", None], UNKNOWN),
    ],
)
def test_spellings(texts, sex):
    assert normalise_sex(pa.array(texts, pa.string())).tolist() == [sex] * len(texts)


def test_numbers_are_read():
    assert normalise_sex(pa.array([1, 2, None])).tolist() == [MALE, FEMALE, UNKNOWN]
    assert normalise_sex(pa.array([1.0, 2.0, None])).tolist() == [MALE, FEMALE, UNKNOWN]
