"""Families of links whose truth is known."""

from __future__ import annotations

import csv

import pyarrow as pa
import pytest

from pprl.errors import ConfigError, InputError
from pprl.lab.evaluate.families import evaluate_families, linked_families, received_families
from pprl.lab.evaluate.received import received_persons


def register(text, **more):
    """Build a register of a text like ``F1: a b, F2: c``; the first of a family is its head."""
    listed = [
        (family.strip(), member, place == 0)
        for part in text.split(",")
        for family, members in [part.split(":")]
        for place, member in enumerate(members.split())
    ]
    columns = {
        "id": [member for _, member, _ in listed],
        "id_keluarga": [family or None for family, _, _ in listed],
        "hubungan": ["Kepala Keluarga" if head else "Anak" for _, _, head in listed],
    }
    return pa.table(columns | more)


def links(*pairs, tier="nik"):
    rows = [(g, p, i) for g, pair in enumerate(pairs) for p, i in enumerate(pair.split())]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(("group", "party", "id"))}
    tiers, chances = [tier] * len(rows), [999_000] * len(rows)
    return pa.table(columns | {"tier": tiers, "precision": pa.array(chances, pa.int32())})


def truth(**entities):
    names = [(0 if name.startswith("F") else 1, name, entity) for name, entity in entities.items()]
    return pa.table(
        {key: [row[at] for row in names] for at, key in enumerate(("party", "family", "entity"))}
    )


KRS = register("F1: a b c d, F2: e, F3: f")
DTSEN = register("K1: A C, K2: B D, K3: E, K4: G")
TRUTH = truth(F1=1, F2=2, F3=3, K1=1, K2=7, K3=2, K4=3)
HALVES = links("a A", "b B", "c C", "d D", "e E")


def pairs(found):
    listed = {}
    for row in found.groups.to_pylist():
        listed.setdefault(row["group"], {})[row["party"]] = row["id"]
    return {tuple(names[party] for party in sorted(names)) for names in listed.values()}


def test_families_of_a_link_are_scored_and_mistakes_have_reasons():
    damage = pa.table({"party": [0], "family": ["F3"], "kinds": ["family_moved"]})
    result = evaluate_families(HALVES, TRUTH, [KRS, DTSEN], damage=damage, mistakes=True)
    score = result.overall
    assert (score.found, score.right, score.findable) == (2, 2, 3)
    assert result.damage.missed == {"family_moved": 1}
    assert result.mistakes.to_pylist() == [
        {"mistake": "missed", "party": 0, "id": "F3", "other_party": 1, "other_id": "K4",
         "kinds": "family_moved"}
    ]  # fmt: skip
    assert result.estimated.pairs == 2
    assert result.as_dict()["estimated_precision"] == result.estimated.value


def test_a_wrong_pair_of_families_has_no_cause_that_is_about_persons():
    damage = pa.table({"party": [1], "family": ["K4"], "kinds": ["family_split"]})
    result = evaluate_families(links("e G"), TRUTH, [KRS, DTSEN], damage=damage, mistakes=True)
    (false,) = result.damage.false
    assert (false.cause, false.pairs, false.kinds) == ("family", 1, {"family_split": 1})
    assert result.mistakes.column("mistake").to_pylist() == ["wrong", "missed", "missed", "missed"]


def test_a_family_split_into_halves_is_where_its_head_is_and_nowhere_without_one():
    assert pairs(linked_families(HALVES, [KRS, DTSEN])) == {("F1", "K1"), ("F2", "K3")}
    headless = [each.drop_columns("hubungan") for each in (KRS, DTSEN)]
    assert pairs(linked_families(HALVES, headless)) == {("F2", "K3")}


def test_a_card_of_sixteen_digits_supports():
    def with_cards(table, *cards):
        return table.drop_columns("hubungan").append_column("no_kk", pa.array(cards))

    card, other = "6408991705069036", "6408991705069037"
    krs = with_cards(KRS, *[card] * 4, None, None)
    assert pairs(
        linked_families(HALVES, [krs, with_cards(DTSEN, card, card, other, other, None, None)])
    ) == {("F1", "K1"), ("F2", "K3")}
    short = with_cards(KRS, *["12"] * 4, None, None)
    assert pairs(
        linked_families(HALVES, [short, with_cards(DTSEN, "12", "12", other, other, None, None)])
    ) == {("F2", "K3")}


def test_a_record_of_no_family_is_left_out():
    krs = register(": a, F2: e")
    assert pairs(linked_families(links("a A", "e E"), [krs, DTSEN])) == {("F2", "K3")}


def test_three_parties_are_linked_two_by_two():
    third = register("P1: x, P2: y")
    found = linked_families(links("e E x", "f G y"), [KRS, DTSEN, third])
    assert pairs(found) == {
        ("F2", "K3"), ("F3", "K4"), ("F2", "P1"), ("F3", "P2"), ("K3", "P1"), ("K4", "P2"),
    }  # fmt: skip


def overlap(path, rows):
    """Write rows of (id, party, status, match, family)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "party", "status", "tier", "precision", "match", "family"])
        for id_, party, status, match, family in rows:
            known = ("nik", "0.9990") if match else ("", "")
            writer.writerow([id_, party, status, *known, match, family])
    return path


@pytest.fixture
def ran(tmp_path):
    """Return the results of two owners: F1 and F2 were matched, and a case awaits review."""
    one = [
        ("a", "dtsen", "matched", "01", "01"), ("b", "dtsen", "matched", "02", ""),
        ("c", "dtsen", "matched", "03", "01"), ("e", "dtsen", "matched", "04", "04"),
        ("f", "dtsen", "review", "05", ""), ("d", "dtsen", "none", "", ""),
    ]  # fmt: skip
    two = [
        ("A", "krs", "matched", "01", "01"), ("B", "krs", "matched", "02", ""),
        ("C", "krs", "matched", "03", "01"), ("E", "krs", "matched", "04", "04"),
        ("G", "krs", "review", "05", ""), ("D", "krs", "none", "", ""),
    ]  # fmt: skip
    return [overlap(tmp_path / "a.csv", one), overlap(tmp_path / "b.csv", two)]


def test_what_the_owners_of_a_run_received_is_scored(ran):
    result = evaluate_families(ran, TRUTH, [KRS, DTSEN])
    assert (result.overall.found, result.overall.right) == (2, 2)
    assert (result.estimated.pairs, result.estimated.contradicted) == (2, 1)
    assert received_persons(ran).num_rows == 8


def test_pairs_of_families_of_other_owners_are_kept_apart_though_their_numbers_are_equal(tmp_path):
    files = [
        overlap(tmp_path / "a.csv", [("e", "dtsen", "matched", "01", "01"),
                                     ("e", "pkh", "matched", "01", "01")]),
        overlap(tmp_path / "b.csv", [("E", "krs", "matched", "01", "01"),
                                     ("E", "pkh", "matched", "01", "01")]),
    ]  # fmt: skip
    assert pairs(received_families(files, [KRS, DTSEN])) == {("F2", "K3")}


def test_what_does_not_fit_is_refused(ran):
    with pytest.raises(InputError, match="which family a record belongs to"):
        linked_families(HALVES, [KRS.drop_columns("id_keluarga"), DTSEN])
    with pytest.raises(InputError, match="row 2: the register has no record with this id"):
        linked_families(links("a X"), [KRS, DTSEN])
    with pytest.raises(ConfigError, match="1 times"):
        linked_families(HALVES, [KRS])
    with pytest.raises(InputError, match="isn't in this truth"):
        evaluate_families(HALVES, truth(F1=1, K1=1), [KRS, DTSEN])
    for files in (ran[:1], [ran[0], ran[0]]):
        with pytest.raises(ConfigError, match="different owners"):
            received_families(files, [KRS, DTSEN][: len(files)])
    with pytest.raises(ConfigError, match="1 times"):
        received_families(ran, [KRS])
