"""Every file of a recorded run, changed in every way: whoever meets it stops and names it."""

import json
import os
import shutil
from contextlib import suppress
from functools import partial

import pytest

from pprl.errors import PeerError, WaitingError
from pprl_protocols.agreement import Agreement
from pprl_protocols.audit.bundle import from_exchange
from pprl_protocols.audit.examine import audit
from pprl_protocols.roles import coordinator
from pprl_protocols.roles.ending import compare
from pprl_protocols.roles.signing import sign
from tests.protocol.federation import RUN, Federation

HUGE = 10 << 30


def flipped(share):
    def change(data):
        at = min(int(len(data) * share), len(data) - 1)
        return data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]

    return change


def indented(data):
    return json.dumps(json.loads(data), indent=1).encode()


def reordered(data):
    return json.dumps(dict(reversed(json.loads(data).items())), separators=(",", ":")).encode()


def escaped(data):
    """Write one character in another way that JSON reads alike."""
    return data.replace(b"payload", b"\\u0070ayload", 1).replace(b"purpose", b"\\u0070urpose", 1)


BYTES = {
    "first byte flipped": flipped(0),
    "a bit in the middle flipped": flipped(0.5),
    "last byte flipped": flipped(1),
    "half of it gone": lambda data: data[: len(data) // 2],
    "last byte gone": lambda data: data[:-1],
    "emptied": lambda _: b"",
    "a newline appended": lambda data: data + b"\n",
    "itself appended": lambda data: data + data,
    "zeros for content": lambda data: bytes(len(data)),
}
JSON = BYTES | {"indented": indented, "keys reordered": reordered, "escaped": escaped}


class Files:
    """The exchange of a copied run, changed and put back again."""

    def __init__(self, run):
        self.run = run
        self.folder = run.files
        self.kept = {
            path.relative_to(self.folder): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def log(self):
        """Return the places of all entries."""
        return sorted(path for path in self.kept if path.parts[0] == "log")

    def blobs(self, kind):
        """Return the places of the sealed files that the messages of a kind name, by party."""
        session = self.run.session("bps")
        found = {}
        for each in session.all_said(kind):
            message = each.entry.message
            found |= (
                {message.party: message.sealed}
                if kind == "ENCODINGS"
                else {name: sealed.sealed for name, sealed in message.results.items()}
            )
        return {name: f"blobs/{digest}" for name, digest in found.items()}

    def write(self, place, data):
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read(self, place):
        return (self.folder / place).read_bytes()

    def restore(self):
        for path in sorted(self.folder.rglob("*"), reverse=True):
            place = path.relative_to(self.folder)
            if path.is_symlink() or (path.is_file() and place not in self.kept):
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        for place, data in self.kept.items():
            path = self.folder / place
            if not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
                self.write(place, data)


def named(error, *places):
    """Tell whether an error or finding says which entry or file it is about."""
    values = error.values
    said = {str(values.get("place", "")).removeprefix(f"{RUN}/"), str(values.get("digest", ""))}
    if {"party", "seq"} <= values.keys():
        said.add(f"log/{values['party']}/{values['seq']:06d}.json")
    if error.code in {"protocol.wrong_encodings", "protocol.wrong_result"}:
        return True  # each party has one file of each kind
    return any(str(place) in said or str(place).split("/")[-1] in said for place in places)


def refused(work, *places):
    """Assert that a step ends with exit code 4 and names one of the places."""
    with pytest.raises(PeerError) as caught:
        work()
    assert caught.value.exit_code == 4
    if places:
        assert named(caught.value, *places), (str(caught.value), places)


def audited(files, *places):
    """Assert that an audit doesn't pass, and names one of the places."""
    report = audit(from_exchange(files.run.exchange, RUN))
    assert report.status in {"fail", "incomplete"}
    findings = [finding for check in report.checks for finding in check.findings]
    assert any(named(finding, *places) for finding in findings), (places, report.to_json())


@pytest.fixture(scope="module")
def closed(recorded, tmp_path_factory):
    """A run that everybody has finished."""
    return recorded.at("closed", tmp_path_factory.mktemp("closed"))


@pytest.fixture
def files(closed):
    files = Files(closed)
    yield files
    files.restore()


def met_by_all(files, *places, whom=None):
    """Assert that nobody goes on, and that an audit finds it."""
    if places:
        audited(files, *places)
    for name in whom or files.run.homes:
        refused(partial(files.run.session, name), *places)


@pytest.mark.parametrize("change", JSON)
def test_an_entry_that_was_changed_stops_everybody(files, change):
    for place in files.log():
        files.write(place, JSON[change](files.kept[place]))
        met_by_all(files, place)
        files.restore()
    assert [files.run.session(name).outcome.state for name in files.run.homes] == ["closed"] * 4


def test_an_entry_of_ten_gigabytes_is_refused_at_once(files):
    place = files.log()[0]
    with (files.folder / place).open("rb+") as file:
        file.truncate(HUGE)
    met_by_all(files, place)
    (files.folder / place).unlink()


def test_an_entry_in_the_place_of_another_stops_everybody(files):
    places = files.log()
    for place, other in zip(places, places[1:] + places[:1], strict=True):
        files.write(place, files.kept[other])
        met_by_all(files, place, whom=("bps", "inspektorat"))
        files.write(other, files.kept[place])
        met_by_all(files, place, other, whom=("bkkbn", "kemensos"))
        files.restore()


def test_an_entry_under_another_name_stops_everybody(files):
    for place in files.log():
        others = [
            place.with_name("000017.json"),
            place.parent.with_name("stranger") / place.name,
            place.parent.with_name("inspektorat") / "000009.json",
        ]
        for other in others:
            files.write(other, files.kept[place])
            met_by_all(files, other, whom=(place.parts[1],))  # copied
            (files.folder / place).unlink()
            met_by_all(files, place, other, whom=("bps",))  # moved
            files.restore()


def test_an_entry_that_is_a_link_or_a_folder_is_refused(files):
    place = files.log()[0]
    path = files.folder / place
    path.unlink()
    path.symlink_to(files.folder / files.log()[1])
    met_by_all(files, place)
    path.unlink()
    path.mkdir()
    met_by_all(files, place)
    path.rmdir()


@pytest.mark.parametrize("change", [*JSON, "removed", "another agreement"])
def test_an_agreement_that_was_changed_stops_everybody(files, change):
    place = "agreement.json"
    if change == "removed":
        (files.folder / place).unlink()
    elif change == "another agreement":
        other = files.run.session("bps").agreement.model_copy(update={"purpose": "another"})
        files.write(place, other.to_bytes())
    else:
        files.write(place, JSON[change](files.read(place)))
    if change == "removed":
        refused(partial(from_exchange, files.run.exchange, RUN), place)
    else:
        assert audit(from_exchange(files.run.exchange, RUN)).status == "fail"
    met_by_all(files)


def test_an_agreement_that_was_changed_after_the_first_signature_stops_the_others(
    recorded, tmp_path
):
    run = recorded.at("agreed", tmp_path)
    sign(run.session("bkkbn"))
    files = Files(run)
    agreement = Agreement.from_bytes(files.read("agreement.json"))
    others = [JSON[change](files.read("agreement.json")) for change in JSON] + [
        agreement.model_copy(update={"purpose": "another"}).to_bytes()
    ]
    for data in others:
        files.write("agreement.json", data)
        for name in run.homes:
            refused(lambda name=name: sign(run.session(name)))
        files.restore()


STAGES = {"signed": "kemensos", "encoded": "bps", "linked": "kemensos", "received": "bps"}
"""Steps of the recorded run, and who acts next."""


def act(run, step):
    {
        "signed": lambda: run.encode("kemensos"),
        "encoded": run.link,
        "linked": lambda: run.receive("kemensos"),
        "received": run.close,
    }[step]()


@pytest.mark.parametrize("step", STAGES)
def test_nobody_goes_on_over_an_entry_that_was_removed(recorded, tmp_path, step):
    run = recorded.at(step, tmp_path)
    files = Files(run)
    for place in files.log():
        if place.parts[1] == STAGES[step]:
            continue
        (files.folder / place).unlink()
        with pytest.raises((PeerError, WaitingError)):
            act(run, step)
        files.restore()
    for place in files.log():
        if place.parts[1] == STAGES[step]:
            (files.folder / place).unlink()
    act(run, step)  # own entries are published again, byte for byte
    for place in files.log():
        assert files.read(place) == files.kept[place]


@pytest.mark.parametrize("name", ["kemensos", "bkkbn"])
def test_an_entry_that_a_party_has_named_itself_is_missed_by_name(recorded, tmp_path, name):
    run = recorded.at("encoded", tmp_path)
    (run.files / "log/bps/000000.json").unlink()
    with pytest.raises(PeerError) as refused:
        run.session(name)
    assert refused.value.code == "protocol.removed"
    assert refused.value.values == {"party": "bps", "seq": 0}
    run.session("bps")  # it publishes what it has said again
    assert run.session(name).faults == []


@pytest.mark.parametrize("step", ["encoded", "linked"])
def test_a_sealed_file_that_was_changed_stops_whoever_opens_it(recorded, tmp_path, step):
    run = recorded.at(step, tmp_path)
    files = Files(run)
    kind = {"encoded": "ENCODINGS", "linked": "RESULT"}[step]
    places = files.blobs(kind)
    first, second = sorted(places)
    for name, place in places.items():
        if step == "linked" and name != "kemensos":
            continue
        for change in BYTES.values():
            files.write(place, change(files.read(place)))
            refused(partial(act, run, step), place)
            files.restore()
        os.truncate(files.folder / place, HUGE)
        refused(partial(act, run, step), place)
        (files.folder / place).unlink()
        refused(partial(act, run, step), place)
        files.restore()
        (files.folder / place).rename(files.folder / "blobs" / ("0" * 64))
        refused(partial(act, run, step), place)
        files.restore()
    one, other = files.read(places[first]), files.read(places[second])
    files.write(places[first], other)
    files.write(places[second], one)
    refused(partial(act, run, step), *places.values())
    files.restore()
    act(run, step)  # nothing that was tried has spoilt anything


@pytest.mark.parametrize("change", [*BYTES, "ten gigabytes", "removed", "renamed", "swapped"])
def test_an_audit_finds_every_sealed_file_that_was_changed(files, change):
    places = [*files.blobs("ENCODINGS").values(), *files.blobs("RESULT").values()]
    for place, other in zip(places, places[1:] + places[:1], strict=True):
        path = files.folder / place
        if change == "ten gigabytes":
            os.truncate(path, HUGE)
        elif change == "removed":
            path.unlink()
        elif change == "renamed":
            path.rename(path.with_name("0" * 64))
        elif change == "swapped":
            files.write(place, files.read(other))
        else:
            files.write(place, BYTES[change](files.read(place)))
        audited(files, place)
        files.restore()


def test_an_audit_finds_every_entry_that_was_removed(files):
    for place in files.log():
        (files.folder / place).unlink()
        assert audit(from_exchange(files.run.exchange, RUN)).status == "incomplete"
        if place.parts[1:] != ("bps", "000002.json"):  # nothing names the CLOSE
            audited(files, place)
        files.restore()
    assert audit(from_exchange(files.run.exchange, RUN)).status == "pass"


def test_files_that_do_not_belong_are_never_believed(recorded, tmp_path):
    run = recorded.at("linked", tmp_path)
    files = Files(run)
    entry = files.read("log/bkkbn/000000.json")
    for place in (
        "notes.txt",
        "agreement.json.bak",
        "log/README",
        "log/bkkbn/notes.txt",
        "log/bkkbn/0000001.json",
        "log/bkkbn/000003.json.part",
        "log/bkkbn/.000003.json",
        "log/BKKBN/000003.json",
        "log/no party/000000.json",
        "blobs/.DS_Store",
        "blobs/Thumbs.db",
        f"blobs/{'0' * 64}",
        "extra/folder/file",
    ):
        files.write(place, entry)
    for name in run.agencies:
        run.receive(name)
    digest = run.close()
    assert {run.session(name).outcome.digest for name in run.homes} == {digest}
    assert audit(from_exchange(run.exchange, RUN)).status == "pass"


def test_a_run_that_is_restored_from_somebodys_older_copy_stops_and_heals(recorded, tmp_path):
    run = recorded.at("received", tmp_path / "now")
    shutil.rmtree(run.files)
    shutil.copytree(recorded.folder / "signed" / "exchange" / RUN, run.files)
    with pytest.raises(PeerError) as refused:
        run.close()
    assert refused.value.code == "protocol.removed"
    for name in run.agencies:  # each home says again what it has said, whatever else is missing
        with suppress(PeerError):
            run.session(name)
    run.close()
    assert Federation.load(run.folder).session("bkkbn").outcome.state == "closed"


def test_a_digest_that_was_compared_is_not_replaced_by_that_of_a_second_close(recorded, tmp_path):
    honest, other = (recorded.at("received", tmp_path / name) for name in ("honest", "other"))
    first = honest.close()
    assert coordinator.close(other.session("bps"), keep=True) != first
    session = honest.session("kemensos")
    assert compare(session, first) == first
    place = "log/bps/000002.json"
    (honest.files / place).write_bytes((other.files / place).read_bytes())
    with pytest.raises(PeerError) as refused:
        honest.session("kemensos")
    assert refused.value.code == "protocol.other_close"
    assert session.folder.compared == first
