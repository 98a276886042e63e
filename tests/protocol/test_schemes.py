"""Whole runs under every scheme: nothing of a run knows how filters are made.

One run of three agencies a scheme, with an auditor, and one of two with families and released
attributes; the tests only read them.
"""

import numpy as np
import pyarrow as pa
import pytest

from pprl.encode.columns import open_data, resolve
from pprl.io.source import open_source
from pprl.lab.families.simulate import simulate_families
from pprl.schema import Schema
from pprl_cli.turns import as_agreed, resolve_all
from pprl_protocols.agreement import Disclosure, ReleasedAttribute
from pprl_protocols.audit.reexecution import reexecute
from pprl_protocols.roles import agency, blobs, coordinator, spotchecks
from pprl_protocols.spotcheck import verify
from pprl_protocols.spotcheck_files import Answer, Draw
from tests.protocol.federation import Federation

SCHEMAS = ("indonesia-hardened", "indonesia-tokens")
SIZES = (100, 140, 120)
FOUND = {"hardened": 0.85, "tokens": 0.6}
"""Least share of the common persons; tokens alone want NIK and name equal, letter for letter."""
K = 20


def statuses(table):
    return table.column("status").to_pylist()


@pytest.fixture(scope="module", params=SCHEMAS)
def ended(request, tmp_path_factory):
    """A closed run of three agencies, what they received, and what the coordinator had."""
    schema = Schema.load(request.param)
    made = Federation(
        tmp_path_factory.mktemp("schemes") / "run", 3, sizes=SIZES, auditor=True,
        schema=schema.text,
    )  # fmt: skip
    made.until_result()
    received = {name: made.receive(name) for name in made.agencies}
    session = made.session("bps")
    with blobs.workshop(session) as folder:
        sets = coordinator.open_all(session, folder)
        seen = {
            name: (each.header, each.table.column_names, np.array(each.filter_words()))
            for name, each in zip(made.agencies, sets, strict=True)
        }
        del sets
    coordinator.close(session, keep=True)
    return made, schema, received, seen


def test_what_an_agency_learns_is_right_under_every_scheme(ended):
    made, schema, received, _ = ended
    truth = open_data(made.made.truth_path)
    records = next(iter(truth.batches(("party", "id", "entity")))).table.to_pylist()
    numbers = {name: {} for name in made.agencies}
    for row in records:
        numbers[made.agencies[int(row["party"])]][row["id"]] = row["entity"]
    for name, table in received.items():
        rows = dict(zip(table.column("id").to_pylist(), statuses(table), strict=True))
        elsewhere = {
            entity for other in made.agencies if other != name for entity in numbers[other].values()
        }
        common = {one for one, entity in numbers[name].items() if entity in elsewhere}
        matched = {one for one, status in rows.items() if status == "matched"}
        assert len(common) >= SIZES[0] // 2
        assert len(matched & common) >= FOUND[schema.scheme] * len(common)
        assert len(matched - common) <= 0.05 * len(matched) + 1


def test_the_coordinator_gets_what_the_scheme_says_and_no_more(ended):
    _, schema, _, seen = ended
    for header, columns, filters in seen.values():
        assert (header.scheme, header.bits, header.kappa) == (
            schema.scheme, schema.bits, schema.kappa,
        )  # fmt: skip
        tokens = [f"token.{kind}" for kind in schema.token_kinds]
        assert columns == ["id", "filter", *tokens]
        density = np.bitwise_count(filters).mean() / 64
        assert density == 0 if schema.scheme == "tokens" else 0.48 < density < 0.52


def test_an_audit_gets_the_same_results_again(ended):
    made, _, _, _ = ended
    check = reexecute(made.session("bps"), threads=1)
    assert (check.status, [each.code for each in check.findings]) == ("pass", ["reexecution.same"])


def test_a_spot_check_passes_and_finds_another_filter(ended):
    made, schema, _, _ = ended
    auditor = made.session("inspektorat")
    drawn = Draw.from_bytes(spotchecks.draw(auditor, "bkkbn", records=K).to_bytes())
    session = made.session("bkkbn")
    source = open_data(made.registers[0])
    columns = resolve(session.agreement.read_schema(), source, {}, None)
    made_answer = spotchecks.answer(session, drawn, source, columns, threads=1).answer
    answer = Answer.from_bytes(made_answer.to_bytes())
    assert verify(answer, drawn, auditor.agreement, auditor.transcript).status == "pass"
    first = answer.records[0]
    if schema.scheme == "tokens":
        changed = first.model_copy(update={"tokens": ("ab" * 16, *first.tokens[1:])})
    else:
        changed = first.model_copy(update={"filter": first.filter[2:] + first.filter[:2]})
    forged = answer.model_copy(update={"records": (changed, *answer.records[1:])})
    found = verify(forged, drawn, auditor.agreement, auditor.transcript)
    assert (found.status, found.findings[0].code) == ("fail", "spotcheck.not_published")


@pytest.mark.parametrize("name", ["indonesia-hardened", "indonesia-tokens"])
def test_families_and_released_attributes_travel_under_every_scheme(tmp_path, name):
    released = ReleasedAttribute(**{"from": "kemensos", "to": "bkkbn", "name": "desil", "bytes": 2})
    disclosure = Disclosure(mode="link", minimum_cell=10, attributes=(released,), families=True)
    schema = Schema.load(name).text
    federation = Federation(tmp_path / "f", sizes=(20, 20), disclosure=disclosure, schema=schema)
    made = simulate_families(
        tmp_path / "families", krs=120, dtsen=180, damage="clean", seed=4, krs_layout="family"
    )
    federation.sign()
    for party, register in (("bkkbn", "krs"), ("kemensos", "dtsen")):
        session = federation.session(party)
        source, mapping = as_agreed(session, open_source(made.paths[register]), register, None, {})
        agency.encode(session, source, *resolve_all(session, source, mapping, None), threads=1)
    federation.link()
    table = federation.receive("bkkbn")
    matched = pa.array([status == "matched" for status in statuses(table)])
    found = table.filter(matched)
    assert len(found) > 0.6 * made.common
    assert found.column("desil").null_count < 0.1 * len(found)
    assert set(found.column("desil").to_pylist()) <= {None, *map(str, range(1, 11))}
