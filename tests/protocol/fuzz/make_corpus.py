"""Make the corpus again: ``python tests/protocol/fuzz/make_corpus.py``. Keys in it are worthless.

A tiny run is recorded, and its files are kept as they are and broken by hand, one fault each. Keys
are random, so every making gives other bytes; it is only needed when a format changes.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from pprl.encode.columns import open_data, resolve
from pprl.encoded import METADATA_KEY, EncodedSet
from pprl_protocols import canonical, cards
from pprl_protocols.agreement import Agreement
from pprl_protocols.audit.bundle import export, from_exchange
from pprl_protocols.envelope import open_envelope
from pprl_protocols.roles import blobs, spotchecks
from pprl_protocols.roles.agency import ENCODINGS, RESULT
from tests.protocol.federation import RUN, TODAY, record

CORPUS = Path(__file__).parent / "corpus"
SIZES = (14, 16)


def arrow_file(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=5)
    return sink.getvalue().to_pybytes()


def arrow_cases(data):
    """Return an Arrow file as it is, in several batches, and with one fault each."""
    table = pa.ipc.open_file(data).read_all()
    header = json.loads(table.schema.metadata[METADATA_KEY])
    count = "records" if "records" in header else "rows"
    wrong = canonical.dumps(header | {count: header[count] + 1})
    other = table.schema.names[1]
    nothing = pa.nulls(len(table), table.schema.field(other).type)
    return {
        "valid.arrow": data,
        "batches.arrow": arrow_file(table),
        "compressed.arrow": arrow_file(table, compression="lz4"),
        "empty.arrow": arrow_file(table.slice(0, 0)),
        "no-header.arrow": arrow_file(table.replace_schema_metadata(None)),
        "wrong-count.arrow": arrow_file(table.replace_schema_metadata({METADATA_KEY: wrong})),
        "nulls.arrow": arrow_file(table.set_column(1, table.schema.field(1), nothing)),
        "dictionary.arrow": arrow_file(
            table.set_column(0, "id", table.column("id").dictionary_encode())
        ),
        "cut.arrow": data[: len(data) * 2 // 3],
    }


def with_stratum(data):
    """Return encodings in which every record has a sex that the coordinator sees."""
    table = pa.ipc.open_file(data).read_all()
    values = [("L", "P", "other")[at % 3] for at in range(len(table))]
    return arrow_file(table.append_column("stratum.sex", pa.array(values)))


def json_cases(data):
    """Return canonical JSON as it is, and with one fault each."""
    value = json.loads(data)
    first = min(value)
    return {
        "valid.json": data,
        "spaces.json": json.dumps(value).encode(),
        "unknown.json": canonical.dumps(value | {"zzz": 1}),
        "lacking.json": canonical.dumps({key: value[key] for key in value if key != first}),
        "null.json": canonical.dumps(value | {first: None}),
        "float.json": data.replace(b'":', b'":1.5e3,"y":', 1),
        "repeated.json": data.replace(b'{"', b'{"%b":0,"' % first.encode(), 1),
        "cut.json": data[:-1],
    }


def keep(kind, cases):
    folder = CORPUS / kind
    folder.mkdir(parents=True)
    for name, data in cases.items():
        (folder / name).write_bytes(data)


def opened(run, name, kind, step):
    """Return the plain file that a party can open, and the sealed one."""
    session = run.session(name)
    said = session.said(kind, "bps" if kind == "RESULT" else "bkkbn").entry.message
    digest = said.results[name].sealed if kind == "RESULT" else said.sealed
    plain = run.folder / "plain"
    blobs.open_sealed(session, digest, said.party, step, plain)
    with session.exchange.open_blob(RUN, digest) as sealed:
        return plain.read_bytes(), sealed.read(), said.party


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    with TemporaryDirectory() as name:
        recorded = record(Path(name), sizes=SIZES)
        encoded = recorded.at("encoded", Path(name) / "1")
        linked = recorded.at("linked", Path(name) / "2")
        closed = recorded.at("closed", Path(name) / "3")
        agreement = closed.exchange.agreement(RUN)
        parsed = Agreement.from_bytes(agreement)
        keep("agreement", json_cases(agreement))
        toml = parsed.to_toml().encode()
        keep("draft", {"valid.toml": toml, "cut.toml": toml[:-100], "twice.toml": toml + toml})
        keep("card", json_cases(parsed.party("bkkbn").card.to_bytes()))
        home = closed.homes["bkkbn"]
        party = home.identity.party_file.to_bytes()
        keep("party", {"valid.toml": party, "cut.toml": party[:-9]})

        log = [
            stored.data
            for party in closed.exchange.parties(RUN)
            for stored in closed.exchange.entries(RUN, party)
        ]
        envelopes = {f"{place:02d}.json": data for place, data in enumerate(log)}
        payloads = {name: open_envelope(data).payload for name, data in envelopes.items()}
        keep("transcript", envelopes)
        keep("envelope", json_cases(log[1]))
        keep("entry", payloads | json_cases(payloads["05.json"]))
        keep("export", json_cases(export(from_exchange(closed.exchange, RUN))))

        plain, sealed, _ = opened(encoded, "bps", "ENCODINGS", ENCODINGS)
        path = Path(name) / "plain.arrow"
        path.write_bytes(plain)
        header = EncodedSet.open(path).header
        keep("encodings", arrow_cases(plain))
        keep("strata", arrow_cases(with_stratum(plain)))
        keep("sealed", {"valid.bin": sealed, "cut.bin": sealed[:-1], "longer.bin": sealed + b"\0"})
        plain, _, _ = opened(linked, "bkkbn", "RESULT", RESULT)
        keep("result", arrow_cases(plain))

        drawn = spotchecks.draw(closed.session("inspektorat"), "bkkbn", records=3)
        keep("draw", json_cases(drawn.to_bytes()))
        session = closed.session("bkkbn")
        source = open_data(closed.registers[0])
        columns = resolve(session.agreement.read_schema(), source, {}, None)
        answered = spotchecks.answer(session, drawn, source, columns, threads=1)
        keep("answer", json_cases(answered.answer.to_bytes()))

        context = {
            "agreement": agreement.decode(),
            "run": RUN,
            "schema_digest": header.schema_digest,
            "today": TODAY.isoformat(),
            "coordinator_card": cards.private_key(
                encoded.homes["bps"].vault, parsed.coordinator.card
            ).hex(),
            "identities": {
                name: json.loads(home.vault.get("identity"))["private"]
                for name, home in closed.homes.items()
            },
        }
        (CORPUS / "context.json").write_text(json.dumps(context, indent=1) + "\n")


if __name__ == "__main__":
    main()
