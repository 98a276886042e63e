"""Tables of an overlap through whole runs: what is published, who sees what, and how often."""

from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest

from pprl.encode.columns import open_data, resolve
from pprl.encoded import EncodedSet
from pprl.errors import ConfigError, PeerError
from pprl_protocols import repeats, tables
from pprl_protocols.agreement import Disclosure
from pprl_protocols.audit import bundle
from pprl_protocols.audit.examine import audit
from pprl_protocols.audit.reexecution import reexecute
from pprl_protocols.comparison import compare
from pprl_protocols.disclosure import Repeats, Stratum
from pprl_protocols.encodings import check_encodings
from pprl_protocols.result import ResultFile
from pprl_protocols.roles import agency, blobs, coordinator, spotchecks
from pprl_protocols.spotcheck import verify
from tests.protocol.federation import RUN, TODAY, Federation, entities_of, with_columns

PLACES = ("640801", "640802", "640803")
PLACE = Stratum(name="kecamatan", agencies=("bkkbn", "kemensos"), values=PLACES, levels=(6,))
DESIL = Stratum(name="desil", agencies=("kemensos",), values=("1", "2", "3", "4"))
ONCE = Repeats(runs=1, days=30)


def disclosure(mode="count", **changed):
    terms = {
        "minimum_cell": 10,
        "strata": (PLACE, DESIL),
        "publish": (("kecamatan", "desil"),),
        "repeats": ONCE,
    }
    return Disclosure(mode=mode, **(terms | changed))


def place_of(entity):
    return PLACES[entity % 3] if entity % 16 else "647101"


def with_strata(federation):
    """Put places and deciles into the registers; return the entities of each register."""
    entities = entities_of(federation)
    found = []
    for party, path in enumerate(federation.registers):

        def columns(ids, party=party):
            own = [entities[party, value] for value in ids]
            # A desa's code is one of its kecamatan; a decile may be badly written, or none at all.
            return {
                "kecamatan": [f"{place_of(entity)}2001" for entity in own],
                "desil": [["1", "02", "3.0", "4", "", "9"][entity % 6] for entity in own],
            }

        found.append([entities[party, value] for value in with_columns(path, columns)])
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run in mode count up to the results, with what each agency received."""
    folder = tmp_path_factory.mktemp("tables") / "f"
    federation = Federation(folder, sizes=(600, 900), disclosure=disclosure())
    entities = with_strata(federation)
    federation.until_result()
    received = {name: federation.receive(name).to_pylist() for name in federation.agencies}
    return federation, entities, received


def cells(rows):
    return {(row["kecamatan"], row["desil"]): row["count"] for row in rows}


def test_both_agencies_get_the_same_suppressed_tables_and_nothing_else(ran):
    _, entities, received = ran
    assert received["bkkbn"] == received["kemensos"]
    assert list(received["bkkbn"][0]) == ["kecamatan", "desil", "count"]
    shown = cells(received["bkkbn"])
    both = set(entities[0]) & set(entities[1])
    exact = Counter()
    for entity in both:
        place = place_of(entity) if place_of(entity) in PLACES else "000000"
        desil = ["1", "2", "3", "4", "other", "other"][entity % 6]
        for where in (None, place):
            for which in (None, desil):
                exact[where, which] += 1
    # All cells there can be, and no other: 1 + 4 places, the total and 5 values.
    assert set(shown) == {
        (place, desil)
        for place in (None, *PLACES, "000000")
        for desil in (None, *DESIL.values, "other")
    }
    numbers = {cell: value for cell, value in shown.items() if value is not None}
    assert len(numbers) > 5
    for cell, value in numbers.items():
        # Linking finds nearly all, and a count is rounded to tens.
        assert value >= 10
        assert value % 10 == 0
        assert 0.9 * exact[cell] - 8 < value < 1.05 * exact[cell] + 8
    # One in sixteen lives elsewhere, and of them each decile has few: they can't be all shown.
    small = {cell for cell, count in exact.items() if count < 5}
    assert small
    assert all(shown[cell] is None for cell in small)


def test_nobody_gets_a_pseudo_id_and_the_result_says_nothing_fine(ran, tmp_path):
    federation, _, _ = ran
    for name in federation.agencies:
        session = federation.session(name)
        with session.home.vault.reader(session.secret("result")) as source:
            (tmp_path / name).write_bytes(source.read())
        file = ResultFile.open(
            tmp_path / name,
            run=RUN,
            agreement=federation.agreement.digest,
            recipient=name,
            parties=federation.agencies,
        )
        assert (len(file.table), file.header.rows) == (0, 0)
        for pair in file.header.pairs:
            assert (pair.accept, pair.review) == ({}, {})
            for share in (pair.precision, pair.recall):
                for value in (share.value, share.low, share.high) if share else ():
                    assert value % 10_000 == 0


def test_the_coordinator_sees_the_agreed_strata_and_no_others(ran, tmp_path):
    federation, _, _ = ran
    session = federation.session("bps")
    with blobs.workshop(session) as folder:
        own = coordinator.open_encodings(session, "bkkbn", folder)
        other = coordinator.open_encodings(session, "kemensos", folder)
        shown = [
            [name for name in each.table.column_names if name.startswith("stratum.")]
            for each in (own, other)
        ]
        assert shown == [["stratum.kecamatan"], ["stratum.kecamatan", "stratum.desil"]]
        # Read as agreed at the agency: no desa, no badly written decile leaves it.
        assert set(other.table.column("stratum.desil").to_pylist()) == set(DESIL.all)
        assert set(other.table.column("stratum.kecamatan").to_pylist()) <= set(PLACE.all)
        check = {
            "agreement": federation.agreement.digest,
            "party": "kemensos",
            "schema_digest": federation.agreement.schema_digest,
            "max_records": 2_000,
            "strata": (PLACE, DESIL),
        }
        table, name = other.table, "stratum.desil"
        at = table.column_names.index(name)
        changed = {
            "missing": table.drop_columns([name]),
            "null": table.set_column(at, name, pa.nulls(len(other), pa.string())),
            "finer": table.set_column(at, name, pa.array(["11"] * len(other))),
            "more": table.append_column("stratum.sex", pa.array(["L"] * len(other))),
        }
        for case, found in changed.items():
            whole = found.replace_schema_metadata(table.schema.metadata)
            EncodedSet(other.header, whole).write(tmp_path / case)
            with pytest.raises(PeerError) as refused:
                check_encodings(tmp_path / case, **check)
            assert refused.value.code in {
                "pseudonyms.stratum",
                "pseudonyms.sealed",
                "pseudonyms.column",
            }
        other.write(tmp_path / "whole")
        check_encodings(tmp_path / "whole", **check)
        del own, other, table, found, whole, changed


def test_tables_that_were_changed_are_found_by_owner_audit_and_reexecution(ran):
    federation, _, _ = ran
    signed = federation.session("bkkbn").said("RESULT", "bps")
    counts = signed.entry.message.counts
    agreement = federation.agreement
    assert tables.check_counts(agreement, counts) is None
    first = counts[0]
    for wrong, where in (
        (counts[:-1], len(counts)),
        ((*counts, first), len(counts) + 1),
        ((counts[1], counts[0], *counts[2:]), 1),
        ((first.model_copy(update={"stratum": {"desil": "9"}}), *counts[1:]), 1),
        ((*counts[:3], counts[3].model_copy(update={"agencies": ("bkkbn", "x")}), *counts[4:]), 4),
    ):
        assert tables.check_counts(agreement, wrong) == where
        with pytest.raises(PeerError):
            tables.counted(agreement, wrong, party="bps")
    least = agreement.disclosure.model_copy(update={"minimum_cell": first.value + 10})
    with pytest.raises(PeerError):
        tables.counted(agreement.model_copy(update={"disclosure": least}), counts, party="bps")
    session = federation.session("bps")
    with blobs.workshop(session) as folder:
        sets = coordinator.open_all(session, folder)
        same = compare(agreement, sets, seed=coordinator.committed_seed(session), folder=folder)
        assert same.counts == counts
        del sets


def test_the_audit_a_reexecution_and_a_spot_check_pass(ran):
    federation, _, _ = ran
    assert reexecute(federation.session("bps"), threads=1).status == "pass"
    federation.close()
    report = audit(bundle.from_exchange(federation.exchange, RUN))
    assert report.status == "pass", report.to_json()
    transcript = federation.session("bps").transcript
    draw = spotchecks.draw_freely(federation.agreement, transcript, "kemensos", records=20)
    session = federation.session("kemensos")
    source = open_data(federation.registers[1])
    columns = resolve(session.agreement.read_schema(), source, {}, None)
    answered = spotchecks.answer(session, draw, source, columns, threads=1).answer
    assert {len(record.strata) for record in answered.records} == {2}
    assert verify(answered, draw, federation.agreement, transcript).status == "pass"
    first = answered.records[0]
    other = first.model_copy(update={"strata": (first.strata[0], "3.0")})
    changed = answered.model_copy(update={"records": (other, *answered.records[1:])})
    assert verify(changed, draw, federation.agreement, transcript).status == "fail"


def test_a_result_with_rows_is_refused_in_mode_count(tmp_path, monkeypatch):
    federation = Federation(tmp_path / "f", sizes=(60, 80), disclosure=disclosure())
    with_strata(federation)
    # A coordinator that doesn't keep to the agreement: the same code without the one step.
    monkeypatch.setattr("pprl_protocols.comparison.of_nothing", lambda result: result)
    federation.until_result()
    with pytest.raises(PeerError) as refused:
        federation.receive("bkkbn")
    assert refused.value.code == "result.rows_in_count"
    assert federation.session("bkkbn").said("RECEIPT", "bkkbn") is None


def test_an_auditor_sees_that_a_result_is_too_large_to_say_nothing(tmp_path, monkeypatch):
    federation = Federation(tmp_path / "f", sizes=(300, 400), disclosure=disclosure())
    with_strata(federation)
    monkeypatch.setattr("pprl_protocols.comparison.of_nothing", lambda result: result)
    federation.until_result()
    report = audit(bundle.from_exchange(federation.exchange, RUN))
    found = {finding.code for check in report.checks for finding in check.findings}
    assert "audit.records_in_count" in found


def test_noise_moves_the_tables_and_a_reexecution_makes_the_same(tmp_path):
    runs = {}
    for scale in (0, 5):
        federation = Federation(
            tmp_path / str(scale), sizes=(300, 400), disclosure=disclosure(noise_scale=scale)
        )
        with_strata(federation)
        federation.until_result()
        assert reexecute(federation.session("bps"), threads=1).status == "pass"
        runs[scale] = cells(federation.receive("bkkbn").to_pylist())
    shown = [cell for cell, value in runs[0].items() if value is not None]
    assert shown == [cell for cell, value in runs[5].items() if value is not None]
    assert any(runs[0][cell] != runs[5][cell] for cell in shown)
    assert all(abs(runs[0][cell] - runs[5][cell]) < 100 for cell in shown)


def test_mode_link_publishes_the_agreed_tables_too(tmp_path):
    federation = Federation(
        tmp_path / "f", sizes=(300, 400), disclosure=disclosure("link", families=True)
    )
    with_strata(federation)
    federation.until_result()
    assert "status" in federation.receive("bkkbn").column_names
    published = agency.published_tables(federation.session("bkkbn"))
    assert cells(published.to_pylist())[None, None] >= 100


def test_a_home_refuses_one_run_with_tables_too_many(tmp_path):
    federation = Federation(tmp_path / "f", sizes=(60, 80), disclosure=disclosure())
    with_strata(federation)
    federation.sign()
    federation.encode("bkkbn")
    home = federation.homes["bkkbn"].folder
    again = federation.agreement.model_copy(update={"run": "6a" * 16})
    with pytest.raises(ConfigError) as refused:
        repeats.check(home, again, today=TODAY)
    assert refused.value.code == "protocol.too_many_tables"
    assert refused.value.values["free"] == str(TODAY + timedelta(days=30))
    # What was refused isn't counted; the day comes on which the next one is possible.
    with pytest.raises(ConfigError):
        repeats.note(home, again, today=TODAY + timedelta(days=29))
    repeats.check(home, again, today=TODAY + timedelta(days=30))
    # The same run may be repeated, others' runs count for others, and no tables for nothing.
    repeats.check(home, federation.agreement, today=TODAY)
    without = again.disclosure.model_copy(update={"publish": (), "strata": (), "repeats": None})
    repeats.check(home, again.model_copy(update={"disclosure": without}), today=TODAY)
    with pytest.raises(ConfigError):
        repeats.check(home, renamed(again), today=TODAY)
    # Nothing was said in the other home.
    repeats.check(federation.homes["kemensos"].folder, again, today=TODAY)


def renamed(agreement):
    """The same offices under other names."""
    parties = tuple(
        party.model_copy(update={"name": f"x-{party.name}", "card": None})
        for party in agreement.parties
    )
    return agreement.model_copy(update={"parties": parties})


def test_signing_and_encoding_stop_at_the_agreed_number(tmp_path):
    federation = Federation(tmp_path / "f", sizes=(60, 80), disclosure=disclosure())
    with_strata(federation)
    home = federation.homes["bkkbn"].folder
    earlier = federation.agreement.model_copy(update={"run": "6a" * 16})
    repeats.note(home, earlier, today=TODAY)
    with pytest.raises(ConfigError) as refused:
        federation.sign()
    assert refused.value.code == "protocol.too_many_tables"
    (home / repeats.FILE).unlink()
    federation.sign()
    repeats.note(home, earlier, today=TODAY)
    with pytest.raises(ConfigError):
        federation.encode("bkkbn")
    assert federation.session("bkkbn").said("ENCODINGS", "bkkbn") is None


def test_a_damaged_list_of_runs_is_said_and_not_forgotten(tmp_path):
    federation = Federation(tmp_path / "f", sizes=(60, 80), disclosure=disclosure())
    home = federation.homes["bkkbn"].folder
    (home / repeats.FILE).write_text("[{}]")
    (home / repeats.FILE).chmod(0o600)
    with pytest.raises(ConfigError) as refused:
        repeats.check(home, federation.agreement, today=TODAY)
    assert refused.value.code == "home.damaged"


def test_nothing_of_the_tables_is_in_a_run_without_them(tmp_path):
    federation = Federation(tmp_path / "f", sizes=(60, 80))
    federation.until_result()
    assert len(agency.published_tables(federation.session("bkkbn"))) == 0
    assert not (federation.homes["bkkbn"].folder / repeats.FILE).exists()
