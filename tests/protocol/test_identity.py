import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.errors import ConfigError, PeerError
from pprl_protocols import signatures
from pprl_protocols.identity import Identity, PartyFile, fingerprint, pretty
from pprl_protocols.vault import Cost, Vault

KEY = "ab" * 32
GOOD = f'version = 1\nname = "dinsos"\nrole = "agency"\npublic_key = "{KEY}"\n'


@pytest.fixture
def vault(tmp_path):
    return Vault.create(tmp_path / "home", b"rahasia", cost=Cost(1, 1, 8))


def refused(kind, code, work, *arguments):
    with pytest.raises(kind) as caught:
        work(*arguments)
    assert caught.value.code == code
    return caught.value


def test_an_identity_is_kept_and_signs_the_same_again(tmp_path, vault):
    identity = Identity.generate("dinsos", "agency")
    identity.save(vault)
    again = Identity.load(Vault.open(tmp_path / "home", b"rahasia"))
    assert (again.name, again.role, again.public_key) == ("dinsos", "agency", identity.public_key)
    assert again.sign(b"data") == identity.sign(b"data")
    signatures.verify(identity.public_key, again.sign(b"data"), b"data")


def test_an_identity_is_never_replaced(vault):
    first = Identity.generate("dinsos", "agency")
    first.save(vault)
    refused(ConfigError, "home.has_identity", Identity.generate("dinsos", "agency").save, vault)
    assert Identity.load(vault).public_key == first.public_key


def test_a_home_without_identity_says_so(vault):
    refused(ConfigError, "home.no_secret", Identity.load, vault)


@pytest.mark.parametrize("name", ["", "A", "a b", "../a", "-a", "a-", "con", "a" * 65, "é", "a\n"])
def test_names_that_are_no_file_names_everywhere_are_refused(name):
    refused(ConfigError, "home.party_name", Identity.generate, name, "agency")


def test_a_fingerprint_is_the_hash_of_the_key_and_readable_aloud():
    identity = Identity.generate("dinsos", "agency")
    assert identity.fingerprint == hashlib.sha256(identity.public_key).hexdigest()
    groups = pretty(identity.fingerprint).split(" ")
    assert [len(group) for group in groups] == [4] * 16
    assert "".join(groups) == fingerprint(identity.public_key)


def test_a_party_file_says_name_role_and_key_and_nothing_secret(tmp_path):
    identity = Identity.generate("dinsos", "coordinator")
    path = tmp_path / "dinsos.party.toml"
    identity.party_file.write(path)
    assert PartyFile.read(path) == identity.party_file
    assert PartyFile.read(path).fingerprint == identity.fingerprint
    assert len(path.read_text().splitlines()) == 4
    refused(ConfigError, "output.exists", identity.party_file.write, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-5],
        GOOD + 'more = "x"\n',
        GOOD + 'role = "agency"\n',
        GOOD.replace("= 1", "= 2"),
        GOOD.replace("= 1", "= 1.0"),
        GOOD.replace("= 1", '= "1"'),
        GOOD.replace("dinsos", "../x"),
        GOOD.replace("dinsos", "con"),
        GOOD.replace("agency", "king"),
        GOOD.replace(KEY, KEY.upper()),
        GOOD.replace(KEY, KEY[2:]),
        GOOD.replace(KEY, KEY + "\\n"),
        GOOD + "x = " + "[" * 9000,
        GOOD + "#" * 20_000,
        GOOD.replace("dinsos", "\0"),
    ],
)
def test_a_party_file_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "p"
    path.write_text(GOOD)
    assert PartyFile.read(path).public_key == KEY
    path.write_text(text)
    refused(PeerError, "protocol.party_file", PartyFile.read, path)


@given(st.binary(max_size=300))
def test_random_bytes_are_no_party_file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("p") / "p"
    path.write_bytes(data)
    refused(PeerError, "protocol.party_file", PartyFile.read, path)


def test_a_missing_party_file_is_ours_to_mend(tmp_path):
    refused(ConfigError, "home.party_missing", PartyFile.read, tmp_path / "none")
    refused(ConfigError, "home.party_missing", PartyFile.read, tmp_path)


def test_an_identity_never_shows_its_key(vault):
    identity = Identity.generate("dinsos", "agency")
    assert repr(identity) == "Identity('dinsos', 'agency')"
    identity.save(vault)
    assert vault.get("identity").decode() not in repr(vault)
