import numpy as np
import pyarrow as pa
import pytest

from pprl.disclose.counts import count
from pprl.disclose.shape import Plain, Shape
from pprl.errors import ConfigError, InputError, LimitError

VILLAGES = ("6408012001", "6408012002", "6408022001")
DESIL = ("1", "2", "unknown")
SHAPE = Shape(
    place="village",
    levels=(6, 10),
    plain=(Plain("desil", (*DESIL, "review", "none")),),
    possible={
        "overlap": {"desil": DESIL},
        "left_only": {"desil": ("review", "none")},
        "right_only": {"desil": DESIL},
    },
    known={"left": (), "right": ("desil",)},
)


def rows(*cells, **more):
    villages, desil = zip(*cells, strict=True) if cells else ((), ())
    table = {"village": pa.array(villages, pa.string()), "desil": pa.array(desil, pa.string())}
    return pa.table(table | more)


def cell(table, place, part, value=None):
    column = [(one.part, one.values[0]) for one in table.shape.columns].index((part, value))
    return int(table.values[table.places.codes.index(place), column])


def counted(overlap=(), left=(), right=(), **options):
    return count(
        SHAPE, overlap=rows(*overlap), left_only=rows(*left), right_only=rows(*right), **options
    )


def test_cells_and_all_their_margins_are_counted():
    table = counted(
        overlap=[(VILLAGES[0], "1")] * 3 + [(VILLAGES[1], "1"), (VILLAGES[2], "2")],
        left=[(VILLAGES[0], "none"), (VILLAGES[1], "review")],
        right=[(VILLAGES[2], "1")],
    )
    assert table.places.codes == ("", "640801", "640802", *VILLAGES)
    assert cell(table, VILLAGES[0], "overlap", "1") == 3
    assert cell(table, "640801", "overlap", "1") == 4
    assert cell(table, "", "overlap") == 5
    assert cell(table, "640801", "left") == 6  # 4 found, 1 not, 1 in review
    assert cell(table, "", "right", "1") == 5
    assert cell(table, "640802", "left_only", "none") == 0


def test_every_margin_is_the_sum_of_its_cells():
    random = np.random.default_rng(3)
    chosen = [(VILLAGES[random.integers(3)], DESIL[random.integers(3)]) for _ in range(200)]
    table = counted(overlap=chosen)
    for row, children in enumerate(table.places.children):
        if len(children):
            assert (table.values[row] == table.values[children].sum(axis=0)).all()
    overlap = sum(cell(table, "", "overlap", value) for value in DESIL)
    assert overlap == cell(table, "", "overlap") == 200


def test_equal_columns_occur_once_and_impossible_ones_never():
    columns = {(one.part, one.values[0]) for one in SHAPE.columns}
    assert ("left", "1") not in columns  # the overlap in desil 1
    assert ("left_only", "1") not in columns
    assert ("overlap", "none") not in columns
    assert len(columns) == len(SHAPE.columns) == 4 + 3 + 4 + 1 + 4


def test_linked_tables_have_their_own_columns_and_no_others():
    shape = Shape(
        plain=(Plain("a", ("x", "y")), Plain("b", ("p", "q"))), tables=(("a",), ("b",)), known={}
    )
    overlap = [one.values for one in shape.columns if one.part == "overlap"]
    assert overlap == [(None, None), ("x", None), ("y", None), (None, "p"), (None, "q")]
    assert len(shape.kinds) == 3 * 4


def test_families_are_counted_once_however_many_members_they_have():
    shape = Shape(place="village", levels=(10,))

    def members(*families):
        return pa.table({"village": [VILLAGES[0]] * len(families), "family": list(families)})

    table = count(
        shape, overlap=members("a", "a", "b"), left_only=members("b", "c"),
        right_only=members("d", "d"), unit="family",
    )  # fmt: skip
    parts = {one.part: int(table.values[0, at]) for at, one in enumerate(shape.columns)}
    assert parts == {"overlap": 2, "left_only": 1, "right_only": 1, "left": 3, "right": 3}


def test_places_without_anyone_are_rows_of_zeros_when_they_are_listed():
    table = counted(overlap=[(VILLAGES[0], "1")], places=VILLAGES)
    assert cell(table, VILLAGES[2], "overlap") == 0


def test_tables_without_rows_and_without_places_are_counted():
    assert counted().values.sum() == 0
    empty = pa.table({"x": pa.array([], pa.null())})
    table = count(Shape(), overlap=pa.table({"x": [1, 2]}), left_only=empty, right_only=empty)
    assert table.values.tolist() == [[2, 0, 0, 2, 2]]


def test_numbers_count_as_their_text():
    table = pa.table({"village": [VILLAGES[0]], "desil": pa.array([1], pa.int8())})
    counts = count(SHAPE, overlap=table, left_only=rows(), right_only=rows())
    assert cell(counts, "", "overlap", "1") == 1


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ((VILLAGES[0], "11"), "disclose.unknown_value"),
        ((VILLAGES[0], "none"), "disclose.unknown_value"),  # who was found has a desil
        ((VILLAGES[0], None), "disclose.no_value"),
        ((None, "1"), "disclose.no_value"),
        (("640801", "1"), "disclose.no_place"),
        (("64080120019", "1"), "disclose.no_place"),
        (("Sangatta Utara", "1"), "disclose.no_place"),
    ],
)
def test_a_row_that_fits_nowhere_is_named_by_table_and_number(second, code):
    with pytest.raises(InputError) as error:
        counted(overlap=[(VILLAGES[0], "1"), second])
    assert error.value.code == code
    assert (error.value.values["table"], error.value.values["row"]) == ("overlap", 2)
    assert str(second[0]) not in str(error.value)


def test_a_unit_in_two_cells_is_named_by_row():
    with pytest.raises(InputError) as error:
        count(
            SHAPE, overlap=rows(*[(VILLAGES[0], "1"), (VILLAGES[0], "2")], family=["a", "a"]),
            left_only=rows(family=[]), right_only=rows(family=[]), unit="family",
        )  # fmt: skip
    assert (error.value.code, error.value.values["row"]) == ("disclose.unit_twice", 2)


def test_a_missing_column_is_named():
    with pytest.raises(InputError) as error:
        count(SHAPE, overlap=pa.table({"desil": ["1"]}), left_only=rows(), right_only=rows())
    assert error.value.values["column"] == "village"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"known": {"left": ("sex",)}}, "disclose.no_dimension"),
        ({"tables": (("sex",),)}, "disclose.no_dimension"),
        ({"possible": {"overlap": {"sex": ("L",)}}}, "disclose.no_dimension"),
        ({"plain": (Plain("a", ("x",)), Plain("a", ("x",)))}, "disclose.repeated"),
        ({"plain": (Plain("a", ("x", "x")),)}, "disclose.repeated"),
        ({"place": "village"}, "disclose.levels"),
        ({"levels": (2,)}, "disclose.levels"),
        ({"place": "village", "levels": (4, 2)}, "disclose.levels"),
        (
            # Who knows the desil of all in the left register knows whom the right one has.
            {"plain": SHAPE.plain, "possible": SHAPE.possible, "known": {"left": ("desil",)}},
            "disclose.known_overlap",
        ),
    ],
)
def test_dimensions_that_contradict_each_other_are_refused(arguments, code):
    with pytest.raises(ConfigError) as error:
        Shape(**arguments)
    assert error.value.code == code


def test_too_many_columns_are_refused():
    many = tuple(str(value) for value in range(99))
    with pytest.raises(LimitError):
        Shape(plain=(Plain("a", many), Plain("b", many)))
