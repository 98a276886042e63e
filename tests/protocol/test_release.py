"""Released attributes and families through whole runs: who gets what, and who doesn't."""

import pyarrow as pa
import pytest

from pprl.encode.columns import open_data, resolve
from pprl.encoded import EncodedSet
from pprl.errors import InputError, PeerError
from pprl_protocols.agreement import Disclosure, ReleasedAttribute
from pprl_protocols.attributes import Layout, Sealer, layouts_to, widths
from pprl_protocols.audit import bundle
from pprl_protocols.audit.examine import audit
from pprl_protocols.audit.reexecution import reexecute
from pprl_protocols.encodings import check_encodings
from pprl_protocols.roles import blobs, coordinator, spotchecks
from pprl_protocols.roles.signing import contribution, kept
from pprl_protocols.runkey import attribute_key
from pprl_protocols.spotcheck import verify
from tests.protocol.federation import RUN, Federation, entities_of, with_columns

DESIL = ReleasedAttribute(**{"from": "kemensos", "to": "bkkbn", "name": "desil", "bytes": 2})
PKH = ReleasedAttribute(**{"from": "kemensos", "to": "bkkbn", "name": "pkh", "bytes": 5})


def disclosure(*attributes, families=True):
    return Disclosure(mode="link", minimum_cell=10, attributes=attributes, families=families)


def family_of(entity):
    return entity // 3


def with_families(federation):
    """Put family ids, cards and attributes into the registers; return by party what was put."""
    entities = entities_of(federation)
    put = []
    for party, path in enumerate(federation.registers):

        def columns(ids, party=party):
            rows = [entities[party, value] for value in ids]
            return {
                "id_keluarga": [f"{party}-{family_of(entity)}" for entity in rows],
                "no_kk": [f"6408{family_of(entity):012d}" for entity in rows],
                "desil": [str(family_of(entity) % 10 + 1) for entity in rows],
                "pkh": ["ya" if entity % 2 else "" for entity in rows],
            }

        put.append({value: entities[party, value] for value in with_columns(path, columns)})
    return put


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run of three agencies up to the results, with what each received."""
    folder = tmp_path_factory.mktemp("release") / "f"
    federation = Federation(folder, 3, sizes=(400, 600, 500), disclosure=disclosure(DESIL, PKH))
    entities = with_families(federation)
    federation.until_result()
    tables = {name: federation.receive(name).to_pylist() for name in federation.agencies}
    return federation, dict(zip(federation.agencies, entities, strict=True)), tables


def test_attributes_of_matched_records_come_to_their_recipient_alone(ran):
    _, entities, tables = ran
    got = [row for row in tables["bkkbn"] if row["party"] == "kemensos"]
    matched = [row for row in got if row["status"] == "matched"]
    assert len(matched) > 30
    for row in matched:
        entity = entities["bkkbn"][row["id"]]
        assert row["desil"] == str(family_of(entity) % 10 + 1)
        assert row["pkh"] == ("ya" if entity % 2 else None)
    assert all(row["desil"] is None for row in got if row["status"] != "matched")
    assert all(row["desil"] is None for row in tables["bkkbn"] if row["party"] == "dinkes")
    assert "desil" not in tables["dinkes"][0]
    assert "desil" not in tables["kemensos"][0]


def test_both_owners_find_the_same_families(ran):
    _, entities, tables = ran
    found = {}
    pairs = (("bkkbn", "kemensos"), ("bkkbn", "dinkes"))
    for one, other in [*pairs, *(pair[::-1] for pair in pairs)]:
        rows = [row for row in tables[one] if row["party"] == other and row["family"]]
        found[one, other] = {
            (row["family"], row["match"], family_of(entities[one][row["id"]])) for row in rows
        }
        assert all(row["status"] == "matched" and row["family_members"] for row in rows)
        by_name = {}
        for name, _, family in found[one, other]:
            assert by_name.setdefault(name, family) == family
        assert len(by_name) > 15
    for one, other in pairs:
        assert found[one, other] == found[other, one]


def test_neither_the_coordinator_nor_a_third_agency_opens_a_blob(ran):
    federation, _, _ = ran
    session = federation.session("bps")
    with blobs.workshop(session) as folder:
        encoded = coordinator.open_encodings(session, "kemensos", folder)
        names = [name for name in encoded.table.column_names if name.startswith("sealed.")]
        assert names == ["sealed.bkkbn", "sealed.dinkes"]
        stolen = encoded.table.column("sealed.bkkbn").to_pylist()
        # Lengths reveal nothing, and neither do repetitions.
        layout = Layout.between(federation.agreement, "kemensos", "bkkbn")
        assert {len(blob) for blob in stolen} == {layout.blob_bytes}
        assert len({blob[:32] for blob in stolen}) == len({blob[32:] for blob in stolen})
        assert len({blob[32:] for blob in stolen}) == len(encoded)
        del encoded
    third = federation.session("dinkes")
    own = contribution(third)
    keys = [*own.pairs.values(), own.secret, *kept(third).pairs.values(), kept(third).key.secret]
    direction = {"run": RUN, "sender": "kemensos", "recipient": "bkkbn"}
    for secret in keys:
        for key in (
            secret,
            attribute_key(secret, agreement=federation.agreement.digest, **direction),
        ):
            with pytest.raises(PeerError):
                Sealer(key, layout, **direction).open(stolen[:1])


def test_a_column_that_is_to_be_released_has_to_be_there(tmp_path):
    federation = Federation(tmp_path / "f", sizes=(30, 40), disclosure=disclosure(DESIL))
    federation.sign()
    with pytest.raises(InputError) as refused:
        federation.encode("kemensos")
    assert refused.value.code == "release.missing"
    federation.encode("bkkbn")  # it hands nothing over but its families


def test_a_value_longer_than_agreed_is_refused_and_nothing_leaves(tmp_path):
    narrow = ReleasedAttribute(**{"from": "kemensos", "to": "bkkbn", "name": "pkh", "bytes": 1})
    federation = Federation(tmp_path / "f", sizes=(30, 40), disclosure=disclosure(narrow))
    with_families(federation)
    federation.sign()
    with pytest.raises(InputError) as refused:
        federation.encode("kemensos")
    assert refused.value.code == "attributes.too_long"
    assert refused.value.values["column"] == "pkh"
    assert refused.value.values["row"] >= 2
    assert not (federation.files / "blobs").exists()


def test_sealed_columns_other_than_agreed_are_refused(ran, tmp_path):
    federation, _, _ = ran
    session = federation.session("bps")
    agreed = widths(layouts_to(federation.agreement, "kemensos"))
    check = {
        "agreement": federation.agreement.digest,
        "party": "kemensos",
        "schema_digest": federation.agreement.schema_digest,
        "max_records": 2_000,
    }
    with blobs.workshop(session) as folder:
        encoded = coordinator.open_encodings(session, "kemensos", folder)
        table = encoded.table
        name = "sealed.bkkbn"
        place = table.column_names.index(name)
        empty = pa.nulls(len(encoded), table.schema.field(name).type)
        narrow = pa.array([b"x" * 10] * len(encoded), pa.binary(10))
        changed = {
            "missing": table.drop_columns([name]),
            "null": table.set_column(place, name, empty),
            "narrow": table.set_column(place, name, narrow),
            "more": table.append_column("sealed.bps", narrow),
        }
        for case, other in changed.items():
            metadata = table.schema.metadata
            EncodedSet(encoded.header, other.replace_schema_metadata(metadata)).write(
                tmp_path / case
            )
            with pytest.raises(PeerError) as refused:
                check_encodings(tmp_path / case, sealed=agreed, **check)
            assert refused.value.code in {"pseudonyms.sealed", "pseudonyms.column"}
        encoded.write(tmp_path / "whole")
        check_encodings(tmp_path / "whole", sealed=agreed, **check)
        with pytest.raises(PeerError):
            check_encodings(tmp_path / "whole", **check)
        del encoded, table


def test_the_audit_passes_and_a_spot_check_makes_the_blobs_again(ran):
    federation, _, _ = ran
    check = reexecute(federation.session("bps"), threads=1)
    assert check.status == "pass"
    federation.close()
    report = audit(bundle.from_exchange(federation.exchange, RUN))
    assert report.status == "pass", report.to_json()
    transcript = federation.session("bps").transcript
    draw = spotchecks.draw_freely(federation.agreement, transcript, "kemensos", records=20)
    session = federation.session("kemensos")
    source = open_data(federation.registers[federation.agencies.index("kemensos")])
    columns = resolve(session.agreement.read_schema(), source, {}, None)
    answered = spotchecks.answer(session, draw, source, columns, threads=1)
    assert {len(record.sealed) for record in answered.answer.records} == {2}
    assert verify(answered.answer, draw, federation.agreement, transcript).status == "pass"
