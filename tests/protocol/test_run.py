"""A whole run in the library: two or three agencies and a coordinator, each with its own home."""

from datetime import timedelta

import pyarrow as pa
import pytest
from pyarrow import csv

from pprl.encode.columns import open_data
from pprl.errors import ConfigError, PeerError, WaitingError
from pprl_protocols.roles import agency, coordinator
from pprl_protocols.roles.signing import sign
from tests.protocol.federation import RUN, TODAY, Federation


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
