"""The report of a run: its counts, its words, what it never holds, and its public form.

One file, since every test reads the same assigned families and the pages made of them.
"""

import html
import re
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from pprl.disclose.attack import findings
from pprl.disclose.published import Rule
from pprl.disclose.suppression import suppress
from pprl.errors import ConfigError
from pprl.interventions.assign import assign
from pprl.interventions.rules import load_rules
from pprl.report.krs.crosstab import COLUMNS, count_places, cross_table
from pprl.report.krs.data import (
    Bars,
    Bin,
    Decided,
    Matching,
    Minutes,
    Party,
    ReportData,
    Share,
    Similarities,
)
from pprl.report.krs.heat import make_heats, shade
from pprl.report.krs.page import render
from pprl.report.krs.tally import tally
from pprl.report.krs.wording import Wording

DAY = date(2026, 2, 1)
RULES = load_rules()
MINUTES = Minutes(
    run="run-7",
    agreement="0123456789abcdef" * 4,
    transcript="fedcba9876543210" * 4,
    parties=(Party("dppkb", "agency"), Party("kominfo", "coordinator")),
    purpose="Menemukan keluarga",
    legal_basis="Perpres 72/2021",
    closed=True,
    version="9.9",
    closed_on=date(2026, 2, 3),
    decided=Decided(accepted=3, refused=2, undecided=1),
)
MATCHING = Matching(
    precision=Share(0.9931, 0.9897, 0.9956),
    persons=Share(0.9712, 0.9601, 0.9788),
    recall=Share(0.968),
    bars=(Bars("filter", 0.9, 0.805), Bars("nik", None, None)),
    histogram=Similarities(
        (Bin(0.7, 0.8, 40, 0), Bin(0.8, 0.9, 3, 62), Bin(0.9, 1.0, 1700, 0)),
        below=4,
        accepted_without=1234,
    ),
)
HOSTILE = "<script>alert(1)</script>"


def table(rows, types=()):
    names = list(dict.fromkeys([*(name for row in rows for name in row), *dict(types)]))
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], dict(types).get(name)) for name in names}
    )


def family(number, *, status="matched", village="6408012001", **facts):
    return {
        "family": f"KTM-{number:05}",
        "district": village and village[:6],
        "district_name": "Muara Ancalong",
        "village": village,
        "village_name": "Suka Makmur",
        "match_status": status,
        **facts,
    }


def report(families, members=(), *, rules=RULES, **others):
    types = {"desil": pa.int64(), "family": pa.string(), "match_status": pa.string()}
    people = table(members, {"family": pa.string(), "member": pa.string()})
    done = assign(table(families, types), people, rules, day=DAY, language="en")
    return ReportData(owner="DPPKB Kutai Timur", assigned=done, minutes=MINUTES, **others)


def text_of(page):
    """Return what a reader sees, spaces joined."""
    body = re.sub(r"<style>.*?</style>", "", page.partition("<body>")[2], flags=re.DOTALL)
    seen = html.unescape(re.sub(r"<[^>]+>", " ", body)).replace("\N{WORD JOINER}", "")
    return re.sub(r"\s+", " ", seen)


@pytest.fixture(scope="module")
def small():
    """Eight families: five matched in desil 1, 1, 4, 5 and none, two not found, one in review."""
    families = [
        family(1, desil=1, pkh=True, match_precision=0.999, latrine_ok=False),
        family(2, desil=1, pkh=False, match_precision=0.97, pregnant=True),
        family(3, desil=4, pkh=False, match_precision=0.85, village="6408022001"),
        family(4, desil=5, pkh=False, match_precision=0.999),
        family(5, desil=None, match_precision=0.999),
        family(6, status="none"),
        family(7, status="none", village=None),
        # What came with a match counts for nothing before the match is decided.
        family(8, status="review", desil=1, pkh=True),
    ]
    statuses = [
        "usable",
        "missing",
        "usable",
        "len_short",
        "usable",
        "usable",
        "repeated",
        "usable",
    ]
    members = [
        {
            "family": f"KTM-{number:05}",
            "member": "1",
            "name": "Siti Rahmawati",
            "nik": "6408995503909901",
            "nik_status": status,
            "age": 30,
        }
        for number, status in enumerate(statuses, 1)
    ]
    return report(families, members, matching=MATCHING)


def test_the_answer_comes_first_in_both_languages(small):
    english, indonesian = (text_of(render(small, language=each)) for each in ("en", "id"))
    answer = "3 of 8 families at risk of stunting are in desil 1-4. 2 of them receive no PKH yet."
    assert english.index(answer) < english.index("How sure are we?")
    assert (
        "3 dari 8 keluarga berisiko stunting berada pada desil 1-4. 2 di antaranya belum menerima"
        " PKH." in indonesian
    )
    assert "1 Februari 2026" in indonesian
    assert (
        "sekitar 993 benar-benar keluarga yang sama, paling sedikit 990: presisi taksiran 99,3%"
        " (selang kepercayaan 95%: 99,0% sampai 99,6%)" in indonesian
    )
    assert "about 993 are the same family, and at least 990: estimated" in english


def test_a_match_in_review_counts_in_no_desil(small):
    whole = cross_table(small.assigned.families).whole
    assert dict(zip(COLUMNS, whole.counts, strict=True)) == {
        **dict.fromkeys(COLUMNS, 0),
        "1": 2,
        "4": 1,
        "5": 1,
        "unknown": 1,
        "review": 1,
        "none": 2,
    }


def test_every_level_adds_up_to_the_whole(small):
    counted = cross_table(small.assigned.families)
    for level in (1, 2, 3, 4):
        rows = counted.level(level)
        assert [sum(each) for each in zip(*(row.counts for row in rows), strict=True)] == list(
            counted.whole.counts
        )
        assert sum(row.total for row in rows) == counted.whole.total == 8


def test_places_have_the_names_of_the_register_and_of_the_state(small):
    named = {row.code: row.name for row in cross_table(small.assigned.families).rows}
    assert named["64"] == "Kalimantan Timur"
    assert named["6408"] == "Kabupaten Kutai Timur"
    assert named["640801"] == "Muara Ancalong"
    assert named["6408012001"] == "Suka Makmur"


def test_a_family_without_a_place_is_counted_and_said_to_have_none(small):
    page = text_of(render(small, language="en"))
    assert "Place not known" in page
    assert (
        cross_table(small.assigned.families)
        .inside(cross_table(small.assigned.families).level(3)[0], 4)[0]
        .counts[-1]
        == 1
    )


def test_of_two_names_for_a_desa_the_more_frequent_one_is_shown():
    families = [family(1), family(2), family(3) | {"village_name": "SUKA MAKMUR LAMA"}]
    names = {row.name for row in cross_table(report(families).assigned.families).level(4)}
    assert names == {"Suka Makmur"}


def test_codes_with_dots_are_the_same_places():
    families = [family(1, village="64.08.01.2001"), family(2)]
    assert len(cross_table(report(families).assigned.families).level(4)) == 1


def test_the_table_can_be_written_as_a_file(small):
    arrow = cross_table(small.assigned.families).to_arrow()
    assert arrow.column("families")[0].as_py() == 8
    assert arrow.column("desil_1")[0].as_py() == 2


def test_the_funnel_counts_what_is_there(small):
    funnel = tally(small.assigned, poorest=4).funnel
    assert (funnel.families, funnel.usable, funnel.matched, funnel.poor) == (8, 5, 5, 3)
    assert funnel.matched_without == 2
    assert (funnel.pkh.yes, funnel.pkh.no, funnel.pkh.unknown) == (1, 2, 0)


def test_without_judged_niks_that_step_is_left_out():
    page = text_of(render(report([family(1, desil=1, pkh=False)]), language="en"))
    assert "usable NIK" not in page
    assert "The quality of the own file isn't part" in page


def test_no_gap_is_claimed_where_pkh_is_not_known():
    page = text_of(render(report([family(1, desil=1), family(2, desil=2)]), language="en"))
    assert "2 of 2 families at risk of stunting are in desil 1-4." in page
    assert "PKH yet" not in page


def test_a_family_of_whom_pkh_is_not_known_is_not_in_the_gap():
    families = [family(1, desil=1, pkh=False), family(2, desil=1, pkh=None)]
    page = text_of(render(report(families), language="en"))
    assert "1 of them receive no PKH yet." in page
    assert "Of 1 of them it isn't known" in page


def test_the_poorest_desil_can_be_another(small):
    page = text_of(render(replace(small, poorest=5), language="en"))
    assert "4 of 8 families at risk of stunting are in desil 1-5." in page


def test_an_empty_register_gives_a_report():
    empty = report([])
    for public in (False, True):
        page = text_of(render(empty, language="en", public=public))
        assert "The register holds no families." in page


def test_kecamatan_are_ranked_by_the_gap():
    families = [family(n, desil=1, pkh=True) for n in range(5)]
    families += [family(n, desil=1, pkh=False, village="6408022001") for n in range(10, 13)]
    districts = tally(report(families).assigned, poorest=4).districts
    assert [(each.code, each.poor, each.pkh.no) for each in districts] == [
        ("640802", 3, 3),
        ("640801", 5, 0),
    ]


def test_each_institution_has_all_of_its_assignments(small):
    institutions = tally(small.assigned, poorest=4).institutions
    assigned = [name for row in small.assigned.table.column("institution") for name in row.as_py()]
    assert {each.name: each.assignments for each in institutions} == {
        name: assigned.count(name) for name in set(assigned)
    }
    for each in institutions:
        assert sum(work.assignments for work in each.work) == each.assignments


def test_families_by_number_of_needs_add_up(small):
    counts = tally(small.assigned, poorest=4)
    assert sum(counts.per_family.values()) == 8
    assert all(number <= 8 for number in counts.needs.values())


def test_nik_problems_are_counted_by_reason_and_desa(small):
    counts = tally(small.assigned, poorest=4)
    assert counts.nik == {"usable": 5, "len_short": 1, "missing": 1, "repeated": 1}
    worst = counts.nik_places[0]
    assert (worst.code, worst.members, dict(worst.bad)) == (
        "6408012001",
        6,
        {"missing": 1, "length": 1},
    )


def test_without_a_histogram_matches_are_shown_by_precision(small):
    page = text_of(render(replace(small, matching=None), language="en"))
    assert "Matched families by the precision of their match" in page
    assert "80% to 90% 1" in page
    assert "99% to 100% 3" in page
    assert "Pairs by similarity" not in page
    assert "How many were missed is not known" in page


def test_the_histogram_names_the_bars_that_lie_in_it(small):
    page = render(small, language="id")
    assert "filter: terima 0,90" in page
    assert "filter: tinjau 0,805" in page
    assert "nik: terima" not in page


def test_every_column_of_the_histogram_says_its_pairs_and_what_isnt_drawn_is_said(small):
    page = render(small, language="en")
    drawn = re.findall(r">([\d,]+)</text>", page)
    assert {"40", "3", "1,700", "62"} <= set(drawn)
    seen = text_of(page)
    assert "Accepted: 1,743 pairs" in seen
    assert "To be reviewed: 62 pairs" in seen
    assert "4 pairs lie below 0.70" in seen
    assert "1,234 further pairs were accepted by a number alone" in seen
    assert "with a number alone are to be reviewed" not in seen


def test_a_histogram_of_no_pairs_is_not_drawn(small):
    nothing = replace(MATCHING, histogram=Similarities((Bin(0.0, 1.0, 0, 0),)))
    page = text_of(render(replace(small, matching=nothing), language="en"))
    assert "Pairs by similarity" not in page


def test_precision_of_persons_stands_beside_that_of_families(small):
    page = text_of(render(small, language="en"))
    details, minutes = page.split("Estimates of the run")[1:]
    for part in (details, minutes):
        families, persons = (part.index(f"Precision of {each}") for each in ("families", "persons"))
        assert "99.3%" in part[families:persons]
        assert "97.1%" in part[persons : persons + 100]


def test_without_an_estimate_about_families_matches_are_counted(small):
    matches = replace(MATCHING, precision=None)
    page = text_of(render(replace(small, matching=matches), language="en"))
    assert "Of 1,000 matches about 971 are right, and at least 960:" in page
    assert re.search(r"Precision of families share of [a-z ]+ not estimated", page)


@pytest.mark.parametrize(("share", "right"), [(1.0, "1,000"), (0.9999, "999"), (0.9986, "999")])
def test_all_are_right_only_when_all_are(small, share, right):
    sure = replace(MATCHING, precision=Share(share, share, 1.0))
    page = text_of(render(replace(small, matching=sure), language="en"))
    assert f"about {right} are the same family, and at least {right}:" in page


def test_wrong_matches_are_expected_as_the_precision_says():
    families = [family(n, desil=1) for n in range(1000)]
    page = text_of(render(report(families, matching=MATCHING), language="en"))
    assert "About 7 of the 1,000 matched families, and hardly more than 10," in page
    page = text_of(
        render(report([each | {"match_precision": 0.98} for each in families]), language="en")
    )
    assert "About 20 of the 1,000 matched families are therefore" in page


def test_decisions_of_people_are_not_counted_as_estimated():
    families = [family(1, desil=1, match_evidence="people"), family(2, desil=1)]
    counts = tally(report(families).assigned, poorest=4)
    assert (counts.decided, counts.mean_precision, counts.precision) == (1, None, ())


def test_the_berita_acara_shows_the_digests_in_groups_of_four(small):
    page = text_of(render(small, language="en"))
    assert " ".join(["fedc", "ba98", "7654", "3210"] * 4) in page
    assert " ".join(["0123", "4567", "89ab", "cdef"] * 4) in page
    assert "closed by all parties on 3 February 2026" in page
    assert "3 accepted, 2 refused, 1 open" in page
    assert "PROVISIONAL" not in page


def test_a_run_that_is_not_closed_is_provisional_at_the_top_and_in_the_berita_acara(small):
    minutes = replace(MINUTES, closed=False, transcript=None)
    page = text_of(render(replace(small, minutes=minutes), language="id"))
    assert page.count("SEMENTARA (PROVISIONAL)") == 2
    assert "belum ada sebelum proses berakhir" in page


@pytest.mark.parametrize("public", [False, True])
def test_nobody_is_in_the_page(small, public):
    page = render(small, language="id", public=public)
    for own in ("KTM-", "Siti", "6408995503909901", "Rahmawati"):
        assert own not in page


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_page_runs_and_fetches_nothing(small, language):
    page = render(small, language=language)
    assert "<script" not in page
    assert "default-src 'none'" in page
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert re.findall(r"""(?:src|href)="(?!#|data:)""", page) == []
    assert not re.search(r"@import|url\((?!#)", page)


def test_whatever_was_written_elsewhere_is_text():
    families = [family(1, desil=1, pkh=False) | {"village_name": HOSTILE, "district_name": HOSTILE}]
    hostile = report(families, [{"family": "KTM-00001", "member": "1", "nik_status": HOSTILE}])
    minutes = replace(
        MINUTES,
        run=HOSTILE,
        purpose=HOSTILE,
        legal_basis=HOSTILE,
        parties=(Party(HOSTILE, HOSTILE),),
    )
    matching = replace(MATCHING, bars=(Bars(HOSTILE, 0.9, 0.8),))
    page = render(
        replace(hostile, owner=HOSTILE, minutes=minutes, matching=matching), language="en"
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 9


def test_the_same_data_gives_the_same_bytes(small):
    assert render(small) == render(small)
    assert render(small, public=True) == render(small, public=True)


def test_too_many_desa_are_left_out_and_counted():
    families = [family(n, desil=1, village=f"640801{2001 + n}") for n in range(30)]
    counted = cross_table(report(families).assigned.families)
    assert make_heats(counted, poorest=4, most=33).left_out == 0
    heats = make_heats(counted, poorest=4, most=32)
    assert (heats.left_out, heats.villages) == (30, ())


def test_kabupaten_are_shown_where_there_are_several():
    families = [family(1, desil=1), family(2, desil=1, village="6471012001")]
    data = report(families)
    overview = make_heats(cross_table(data.assigned.families), poorest=4).overview
    assert [(row.row.code, row.indent) for row in overview.rows] == [
        ("", 0),
        ("6408", 1),
        ("640801", 2),
        ("6471", 1),
        ("647101", 2),
    ]
    page = text_of(render(data, language="id"))
    assert "Kota Balikpapan" in page


def test_shades_rise_with_the_count():
    bounds = (3, 8, 15, 22)
    shades = [shade(count, bounds) for count in range(30)]
    assert shades == sorted(shades)
    assert (shades[0], shades[1], shades[-1]) == (0, 1, 5)


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.0001, "<0,1%"),
        (0.9999, ">99,9%"),
        (0.408, "40,8%"),
        (0.9994, "99,9%"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_to_all(share, written):
    assert Wording("id").percent(share) == written


@pytest.mark.parametrize("changed", [{"minimum": 0}, {"poorest": 0}, {"poorest": 11}])
def test_settings_that_make_no_sense_are_refused(small, changed):
    with pytest.raises(ConfigError):
        replace(small, **changed)


# The public form.

PLACES = """
[[rule]]
id = "{id}"
need = "gizi"
when = "{when}"
desil = [1, 10]
priority = 1
program = "Program {id}"
institution = ["Dinas"]
legal_basis = "-"
verified = "no"
"""


@pytest.fixture(scope="module")
def public_rules(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "own.toml"
    conditions = {
        "PLACE": "village = '6408012001'",
        "MANY": "latrine_ok = FALSE",
        "FEW": "water_ok = FALSE",
        "ALL": "desil >= 1",
    }
    path.write_text("".join(PLACES.format(id=name, when=when) for name, when in conditions.items()))
    return load_rules(path, default=False)


@pytest.fixture(scope="module")
def large(public_rules):
    """Two desa with 15 families in each desil, of review and not found; a third with few."""
    families = []
    for village in ("6408012001", "6408022001"):
        for kind in [*range(1, 11), None, "review", "none"]:
            for turn in range(15):
                state = kind if kind in ("review", "none") else "matched"
                desil = kind if state == "matched" else None
                facts = {"pkh": turn % 2 == 0, "latrine_ok": turn > 3, "sembako": True}
                facts["water_ok"] = not (kind == 1 and turn < 2)
                families.append(
                    family(len(families), status=state, village=village, desil=desil) | facts
                )
    families += [family(1000 + n, desil=1, village="6408022002", pkh=True) for n in range(3)]
    return report(families, rules=public_rules, matching=MATCHING)


def test_the_owner_sees_small_counts_and_the_public_does_not(large):
    own = cross_table(large.assigned.families)
    hidden = cross_table(large.assigned.families, minimum=10)
    desa = {row.code: row for row in hidden.rows}["6408022002"]
    assert {row.code: row for row in own.rows}["6408022002"].counts[0] == 3
    assert desa.counts[0] is None
    shown = [count for row in hidden.rows for count in row.counts if count is not None]
    assert min(shown) >= 10
    assert "33" in {str(count) for row in own.rows for count in row.counts}


def test_whoever_solves_for_a_hidden_count_finds_nothing(large):
    exact = count_places(large.assigned.families)
    assert findings(suppress(exact, Rule(minimum=10)).published()) == []
    assert findings(suppress(exact, Rule(minimum=10), complementary=False).published())


def test_public_counts_beside_the_table_are_rounded_or_left_out(large):
    own = text_of(render(large, language="en"))
    page = text_of(render(large, language="en", public=True))
    # 123 poor: 120 of the two large desa, 64 of these with PKH, and 3.
    assert "123 of 536" not in own
    assert re.search(r"123 of \d+ families", own)
    assert "56 of them receive no PKH yet." in own
    assert "About 60 of them receive no PKH yet." in page
    assert "Program MANY" in page
    for left_out in ("Program PLACE", "Program FEW", "What families need", "Pairs by similarity"):
        assert left_out in own
        assert left_out not in page
    assert "3 accepted" not in page


def test_that_everyone_receives_something_is_not_public(large):
    own, page = (text_of(render(large, language="en", public=each)) for each in (False, True))
    assert "Sembako (BPNT)" in own
    assert "Sembako (BPNT)" not in page


def test_no_rule_is_counted_when_the_whole_has_hidden_cells(public_rules):
    families = [
        family(n, desil=desil, latrine_ok=n % 2 == 0) for n, desil in enumerate([1] * 60 + [2] * 4)
    ]
    data = report(families, rules=public_rules)
    assert None in cross_table(data.assigned.families, minimum=10).whole.counts
    page = text_of(render(data, language="en", public=True))
    assert "Program MANY" not in page
    assert "No count by rule can be shown" in page
    assert "too small to be shown" in page
