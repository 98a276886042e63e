"""A run whose schema has a blocking pass, from encoding to the audit; and what breaks its form."""

import numpy as np
import pyarrow as pa
import pytest

from pprl.encode.columns import open_data, resolve
from pprl.encoded import METADATA_KEY, EncodedSet
from pprl.errors import PeerError
from pprl.schema import Schema
from pprl_protocols import merkle
from pprl_protocols.audit.reexecution import reexecute
from pprl_protocols.encodings import check_encodings
from pprl_protocols.roles import blobs, coordinator, spotchecks
from pprl_protocols.spotcheck import verify
from pprl_protocols.spotcheck_files import Answer, Draw
from tests.protocol.federation import Federation

K = 20


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """A closed run; the tests only read it."""
    folder = tmp_path_factory.mktemp("blocks") / "run"
    schema = Schema.load("indonesia-blocked").text
    made = Federation(folder, sizes=(300, 400), auditor=True, schema=schema)
    made.until_result()
    for name in made.agencies:
        made.receive(name)
    coordinator.close(made.session("bps"), keep=True)
    return made


def test_result_says_that_blocks_were_compared(federation):
    said = federation.session("bps").said("RESULT", "bps").entry.message
    assert said.parameters["candidates"] == "blocks"


def test_an_audit_compares_in_the_same_blocks_again(federation):
    check = reexecute(federation.session("bps"), threads=1)
    assert (check.status, [each.code for each in check.findings]) == ("pass", ["reexecution.same"])


@pytest.fixture(scope="module")
def answer(federation):
    drawn = spotchecks.draw(federation.session("inspektorat"), "bkkbn", records=K)
    session = federation.session("bkkbn")
    source = open_data(federation.registers[0])
    columns = resolve(session.agreement.read_schema(), source, {}, None)
    found = spotchecks.answer(session, drawn, source, columns, threads=1).answer
    return Draw.from_bytes(drawn.to_bytes()), Answer.from_bytes(found.to_bytes())


def checked(federation, drawn, answer):
    session = federation.session("inspektorat")
    return verify(answer, drawn, session.agreement, session.transcript)


def test_a_spot_check_shows_the_blocks_that_were_published(federation, answer):
    drawn, given = answer
    assert checked(federation, drawn, given).status == "pass"
    blocks = [one.blocks for one in given.records]
    assert {len(each) for each in blocks} == {2}
    assert any(each[0] and len(bytes.fromhex(each[0])) == 8 for each in blocks)


@pytest.mark.parametrize(
    "blocks", [("ab" * 8,), ("ab" * 8, None), (None, None), (), ("ab" * 8,) * 3]
)
def test_other_blocks_than_those_published_are_found(federation, answer, blocks):
    drawn, given = answer
    place = next(at for at, one in enumerate(given.records) if any(one.blocks))
    records = list(given.records)
    records[place] = records[place].model_copy(update={"blocks": blocks})
    found = checked(federation, drawn, given.model_copy(update={"records": tuple(records)}))
    assert (found.status, found.findings[0].code) == ("fail", "spotcheck.not_published")


# The form of encodings.


@pytest.fixture(scope="module")
def opened(federation, tmp_path_factory):
    session = federation.session("bps")
    with blobs.workshop(session) as folder:
        found = coordinator.open_encodings(session, "bkkbn", folder)
        target = tmp_path_factory.mktemp("opened") / "a.arrow"
        found.write(target)
    return EncodedSet.open(target)


def written(opened, path, table):
    metadata = {METADATA_KEY: opened.header.to_bytes()}
    EncodedSet(opened.header, table.replace_schema_metadata(metadata)).write(path)
    return path


def check(opened, path, **options):
    header = opened.header
    return check_encodings(
        path, agreement=header.agreement, party="bkkbn", schema_digest=header.schema_digest,
        max_records=2_000, **{"blocks": ("birth_sex", "name_district")} | options,
    )  # fmt: skip


def test_missing_additional_renamed_and_misplaced_blocks_are_refused(opened, tmp_path):
    check(opened, written(opened, tmp_path / "a.arrow", opened.table))
    block = opened.table.column("block.birth_sex")
    without = opened.table.drop_columns("block.birth_sex")
    for place, table in enumerate(
        [
            without,
            opened.table.append_column("block.other", block),
            without.append_column("block.other", block),
            without.add_column(2, "block.birth_sex", block),
        ]
    ):
        path = written(opened, tmp_path / f"{place}.arrow", table)
        with pytest.raises(PeerError) as refused:
            check(opened, path)
        assert refused.value.code in {"pseudonyms.column", "pseudonyms.sealed"}


def test_blocks_that_nobody_agreed_on_are_refused(opened, tmp_path):
    path = written(opened, tmp_path / "a.arrow", opened.table)
    with pytest.raises(PeerError) as refused:
        check(opened, path, blocks=())
    assert refused.value.code == "pseudonyms.column"


def test_a_changed_block_changes_the_published_root(opened):
    column = opened.table.column("block.birth_sex").combine_chunks()
    place = int(np.flatnonzero(np.asarray(column.is_valid()))[0])
    values = column.to_pylist()
    values[place] = None
    at = opened.table.schema.get_field_index("block.birth_sex")
    changed = opened.table.set_column(
        at, opened.table.schema.field(at), pa.array(values, pa.binary(8))
    )
    other = EncodedSet(opened.header, changed)
    assert merkle.Tree.of(other).root != merkle.Tree.of(opened).root
