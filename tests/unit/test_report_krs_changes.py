"""What has changed since an earlier run, in the report: counts, words, and who never sees them."""

from datetime import date

import pyarrow as pa
import pytest

from pprl.interventions.assign import assign
from pprl.interventions.previous import compare, read_previous, write_state
from pprl.interventions.rules import load_rules
from pprl.report.krs.changes import Desil, Moved, Turnover, count_changes
from pprl.report.krs.data import Minutes, ReportData
from pprl.report.krs.page import render

RULES = load_rules()
FIRST, SECOND = date(2025, 11, 1), date(2026, 2, 1)
NOBODY = pa.table({"family": pa.array([], pa.string()), "member": pa.array([], pa.string())})
MINUTES = Minutes("run", "0" * 64, None, (), "p", "l", closed=True, version="1")


def family(number, desil=None, *, status="matched", village="6408012001", **facts):
    given = {"family": f"F{number}", "match_status": status, "desil": desil, "pkh": False}
    place = {"village": village, "district": village and village[:6], "district_name": "Ancalong"}
    return given | {"sembako": False, "latrine_ok": True} | place | facts


def run(day, *families):
    names = list(dict.fromkeys(name for row in families for name in row))
    types = {"desil": pa.int64(), "pkh": pa.bool_()}
    columns = {
        name: pa.array([row.get(name) for row in families], types.get(name)) for name in names
    }
    return assign(pa.table(columns), NOBODY, RULES, day=day, language="en")


THEN = (
    family(1, 3, pkh=True),
    family(2, 2),
    family(3, 5),
    family(4, 2, status="none"),
    family(5, 3, latrine_ok=False),
    family(6, 8, village="6408022001"),
)
NOW = (
    family(1, 6, pkh=True),  # better off, out of desil 1-4, and receives
    family(2, 2),
    family(3, 4),  # worse off, into desil 1-4
    family(4, 2, latrine_ok=False),  # found only now
    family(7, 1, village="64.08.02.2001", latrine_ok=False),
    family(8, None, status="none", village=None),
    family(9, 2, status="review", latrine_ok=False),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    write_state(folder, run(FIRST, *THEN))
    done = run(SECOND, *NOW)
    return ReportData("DPPKB", done, MINUTES, compared=compare(done, read_previous(folder)))


def test_families_are_new_kept_or_gone_and_their_desil_moves(data):
    found = count_changes(data.compared, poorest=4)
    assert (found.since, found.new, found.kept, found.ended) == (FIRST, 3, 4, 2)
    assert found.desil == Desil(
        up=1, same=1, down=1, unknown=1, out=1, into=1, graduation=1, receives_unknown=0
    )


def test_assignments_are_counted_by_institution_and_once_for_all(data):
    found = count_changes(data.compared, poorest=4)
    table, over = data.compared.assigned.table, data.compared.ended
    assert found.assignments[0] + found.assignments[1] == len(table)
    assert found.assignments[2] == len(over) > 0
    latrines = next(each for each in found.institutions if each.name == "Dinas PUPR/Perkim")
    assert latrines == Turnover("Dinas PUPR/Perkim", new=2, kept=0, ended=1)


def test_kecamatan_are_those_of_both_runs_however_their_codes_are_written(data):
    found = count_changes(data.compared, poorest=4)
    assert found.districts == (
        Moved("640801", new=1, ended=1, up=1, down=1, graduation=1),
        Moved("000000", new=1, ended=0, up=0, down=0, graduation=0),
        Moved("640802", new=1, ended=1, up=0, down=0, graduation=0),
    )


@pytest.mark.parametrize(
    ("language", "answer", "title"),
    [
        (
            "en",
            "Since 1 November 2025, 3 families are new, 2 are no longer in the register,",
            "What has changed since 1 November 2025",
        ),
        (
            "id",
            "Sejak 1 November 2025, 3 keluarga baru masuk, 2 keluarga tidak lagi tercatat,",
            "Yang berubah sejak 1 November 2025",
        ),
    ],
)
def test_the_answer_comes_before_the_tables_in_both_languages(data, language, answer, title):
    page = render(data, language=language)
    assert page.index(answer) < page.index(f"<h2>{title}</h2>")
    assert "graduasi" in page[page.index(answer) : page.index("<h3>")]
    assert "F1" not in page


def test_a_kecamatan_of_the_earlier_run_alone_has_its_code(tmp_path):
    gone = (family(1, 3), family(2, 2, village="6408032001"))
    write_state(tmp_path, run(FIRST, *gone))
    done = run(SECOND, family(1, 3))
    compared = compare(done, read_previous(tmp_path))
    page = render(ReportData("DPPKB", done, MINUTES, compared=compared), language="en")
    assert "Kecamatan 640803" in page


def test_without_an_earlier_run_and_in_public_nothing_is_said_of_changes(data):
    alone = ReportData("DPPKB", data.assigned, MINUTES)
    for page in (render(alone, language="en"), render(data, language="en", public=True)):
        assert "has changed" not in page
        assert "1 November 2025" not in page
    assert render(data, public=True) == render(alone, public=True)


def test_where_no_desil_is_known_twice_that_is_said(tmp_path):
    write_state(tmp_path, run(FIRST, family(1, None)))
    done = run(SECOND, family(1, 2))
    compared = compare(done, read_previous(tmp_path))
    page = render(ReportData("DPPKB", done, MINUTES, compared=compared), language="en")
    assert "Of no family is the desil known in both runs." in page
