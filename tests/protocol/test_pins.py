import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.errors import ConfigError, PeerError
from pprl_protocols.identity import pretty
from pprl_protocols.pins import Pins

KEY = b"k" * 32
PRINT = hashlib.sha256(KEY).hexdigest()
OTHER = "0" * 64
GOOD = f'version = 1\n\n[pins]\ndinsos = "{PRINT}"\n'


def refused(kind, code, work, *arguments, **options):
    with pytest.raises(kind) as caught:
        work(*arguments, **options)
    assert caught.value.code == code


def pinned():
    pins = Pins()
    pins.add("dinsos", PRINT)
    return pins


def test_the_pinned_identity_passes_and_any_other_is_refused():
    pins = pinned()
    pins.check("dinsos", KEY)
    refused(PeerError, "protocol.not_pinned", pins.check, "dinsos", b"j" * 32)
    refused(PeerError, "protocol.not_pinned", pins.check, "dukcapil", KEY)
    refused(PeerError, "protocol.not_pinned", Pins().check, "dinsos", KEY)


def test_a_pin_never_changes_silently():
    pins = pinned()
    pins.add("dinsos", PRINT)
    refused(ConfigError, "home.pin_differs", pins.add, "dinsos", OTHER)
    pins.check("dinsos", KEY)
    pins.add("dinsos", OTHER, replace=True)
    assert pins.known == {"dinsos": OTHER}


def test_a_fingerprint_may_be_typed_as_it_was_read_aloud():
    pins = Pins()
    pins.add("dinsos", f" {pretty(PRINT).upper()}\n")
    assert pins.known == {"dinsos": PRINT}


@pytest.mark.parametrize(
    "text", ["", PRINT[:-1], PRINT + "0", "g" + PRINT[1:], "\N{ARABIC-INDIC DIGIT ZERO}" * 64]
)
def test_what_is_no_fingerprint_is_refused(text):
    refused(ConfigError, "home.fingerprint", Pins().add, "dinsos", text)


@pytest.mark.parametrize("name", ["", "Dinsos", "a.b", "a = 1\nb", "con"])
def test_what_is_no_name_is_refused(name):
    refused(ConfigError, "home.party_name", Pins().add, name, PRINT)


def test_pins_are_kept_in_a_file_that_people_can_read(tmp_path):
    path = tmp_path / "pins.toml"
    pinned().save(path)
    assert path.read_text() == GOOD
    pins = Pins.load(path)
    pins.add("1-a", OTHER)
    pins.save(path)
    assert Pins.load(path).known == {"1-a": OTHER, "dinsos": PRINT}
    assert [one.name for one in tmp_path.iterdir()] == ["pins.toml"]


def test_no_pins_are_a_file_too(tmp_path):
    Pins().save(tmp_path / "pins.toml")
    assert Pins.load(tmp_path / "pins.toml").known == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version = 1\n",
        GOOD + f'dinsos = "{PRINT}"\n',
        GOOD + f'dinkes = "{PRINT[2:]}"\n',
        GOOD + f'Dinkes = "{PRINT}"\n',
        GOOD + "dinkes = 1\n",
        GOOD.replace("= 1", "= 2"),
        GOOD + "[more]\n",
        GOOD + "x = " + "[" * 9000,
        GOOD + "#" * (1 << 20),
    ],
)
def test_a_file_of_pins_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "pins.toml"
    path.write_text(text)
    refused(ConfigError, "home.pins_broken", Pins.load, path)


@given(st.binary(max_size=300))
def test_random_bytes_are_no_pins(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("p") / "p"
    path.write_bytes(data)
    refused(ConfigError, "home.pins_broken", Pins.load, path)


def test_missing_pins_are_said_and_never_taken_for_none(tmp_path):
    refused(ConfigError, "home.pins_missing", Pins.load, tmp_path / "none")


def test_the_known_pins_can_not_be_changed_from_outside():
    with pytest.raises(TypeError):
        pinned().known["dukcapil"] = OTHER
