"""A whole run in the library: two or three agencies and a coordinator, each with its own home."""

from datetime import date, timedelta

import pyarrow as pa
import pytest
from pyarrow import csv

from pprl.encode.columns import open_data, resolve
from pprl.errors import ConfigError, PeerError, WaitingError
from pprl.lab.simulate import simulate
from pprl.schema import Schema
from pprl_protocols import cards
from pprl_protocols.agreement import Agreement, Decision, Disclosure, Party
from pprl_protocols.exchange import Exchange
from pprl_protocols.home import Home
from pprl_protocols.roles import agency, coordinator
from pprl_protocols.roles.signing import sign
from pprl_protocols.session import Session
from pprl_protocols.vault import Cost

TODAY = date(2026, 3, 2)
RUN = "5f" * 16
PASSPHRASE = b"kata sandi rumah"
ROLES = {"bkkbn": "agency", "kemensos": "agency", "bps": "coordinator"}


class Federation:
    """Homes, registers and an exchange."""

    def __init__(self, folder, n_agencies=2):
        roles = dict(ROLES)
        if n_agencies == 3:
            roles["dinkes"] = "agency"
        self.homes = {
            name: Home.create(folder / name, name, role, PASSPHRASE, cost=Cost(1, 1, 8))
            for name, role in roles.items()
        }
        (folder / "exchange").mkdir()
        self.exchange = Exchange.open(str(folder / "exchange"))
        self.folder = folder
        parties = []
        for name, home in sorted(self.homes.items()):
            card = cards.make(home.identity, home.vault, created=TODAY)
            parties.append(
                Party(
                    name=name,
                    role=home.identity.role,
                    identity=home.identity.public_key.hex(),
                    card=card,
                    population="Kutai Timur" if home.identity.role == "agency" else "",
                    max_records=2_000 if home.identity.role == "agency" else None,
                )
            )
            pins = home.pins
            for other in self.homes.values():
                if other is not home:
                    pins.add(other.identity.name, other.identity.fingerprint)
            pins.save(home.folder / "pins.toml")
        self.agreement = Agreement(
            version=1,
            run=RUN,
            purpose="KRS x desil, a test",
            legal_basis="none, a test",
            dpia="none",
            valid_from=TODAY - timedelta(1),
            valid_until=TODAY + timedelta(30),
            receipt_deadline=TODAY + timedelta(10),
            audit_deadline=TODAY + timedelta(60),
            retention="until the audit deadline",
            schema_text=Schema.load("indonesia").text,
            decision=Decision(target="precision", precision_ppm=950_000, seed=1),
            disclosure=Disclosure(mode="link", minimum_cell=10),
            parties=tuple(parties),
        )
        self.exchange.put_agreement(RUN, self.agreement.to_bytes())
        sizes = [600, 900, 900][:n_agencies]
        self.made = simulate(sizes, overlap=0.5, damage="clean", seed=3, out=folder)
        self.agencies = sorted(name for name, role in roles.items() if role == "agency")

    def session(self, name, today=TODAY):
        return Session(self.homes[name], self.exchange, RUN, today=today)

    def encode(self, name):
        source = open_data(self.made.paths[self.agencies.index(name)])
        session = self.session(name)
        columns = resolve(session.agreement.read_schema(), source, {}, None)
        return agency.encode(session, source, columns, threads=1)

    def until_result(self):
        for name in sorted(self.homes):
            sign(self.session(name))
        for name in self.agencies:
            self.encode(name)
        return coordinator.link(self.session("bps"), threads=1)


@pytest.mark.parametrize("n_agencies", [2, 3])
def test_a_run_ends_with_what_each_agency_may_know(tmp_path, n_agencies):
    federation = Federation(tmp_path, n_agencies)
    info = federation.until_result()
    tables = {name: agency.receive(federation.session(name)) for name in federation.agencies}
    digest = coordinator.close(federation.session("bps"))
    assert len(digest) == 64
    truth = csv.read_csv(
        federation.made.truth_path,
        convert_options=csv.ConvertOptions(column_types={"id": pa.string()}),
    ).to_pylist()
    matched = 0
    for position, name in enumerate(federation.agencies):
        table = tables[name]
        own = [row["id"] for row in truth if row["party"] == position]
        assert set(table.column("id").to_pylist()) == set(own)
        matched = sum(status == "matched" for status in table.column("status").to_pylist())
        assert matched > 250 * (n_agencies - 1)
    assert info.groups >= 280


def test_each_step_waits_for_the_others_and_is_done_once(tmp_path):
    federation = Federation(tmp_path)
    with pytest.raises(WaitingError) as waiting:
        federation.encode("bkkbn")
    assert waiting.value.exit_code == 7
    for name in sorted(federation.homes):
        sign(federation.session(name))
    with pytest.raises(ConfigError) as repeated:
        sign(federation.session("bkkbn"))
    assert repeated.value.code == "protocol.sent_already"
    with pytest.raises(WaitingError):
        coordinator.link(federation.session("bps"))
    federation.encode("bkkbn")
    with pytest.raises(WaitingError):
        coordinator.link(federation.session("bps"))
    federation.encode("kemensos")
    coordinator.link(federation.session("bps"))
    with pytest.raises(WaitingError):
        coordinator.close(federation.session("bps"))
    late = TODAY + timedelta(11)
    agency.receive(federation.session("bkkbn"))
    coordinator.close(federation.session("bps", today=late))


def test_a_result_can_be_opened_again(tmp_path):
    federation = Federation(tmp_path)
    federation.until_result()
    first = agency.receive(federation.session("bkkbn"))
    assert agency.receive(federation.session("bkkbn")) == first


def test_nothing_plain_stays_in_a_home_or_gets_into_the_exchange(tmp_path):
    federation = Federation(tmp_path)
    federation.until_result()
    ids = open_data(federation.made.paths[0])
    cells = next(iter(ids.batches(["id", "nama"]))).table
    secrets = [value.as_py().encode() for column in cells.columns for value in column[:20]]
    for folder in [tmp_path / "exchange", *(home.folder for home in federation.homes.values())]:
        for path in folder.rglob("*"):
            assert not path.name.startswith("work-")
            if path.is_file():
                data = path.read_bytes()
                assert not any(len(secret) > 5 and secret in data for secret in secrets)


@pytest.mark.parametrize("what", ["log", "blobs"])
def test_a_changed_file_stops_whoever_meets_it(tmp_path, what):
    federation = Federation(tmp_path)
    for name in sorted(federation.homes):
        sign(federation.session(name))
    for name in federation.agencies:
        federation.encode(name)
    folder = tmp_path / "exchange" / RUN / what
    path = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    with pytest.raises(PeerError):
        coordinator.link(federation.session("bps"))
