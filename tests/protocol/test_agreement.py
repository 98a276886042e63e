import datetime as dt
import tomllib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.errors import ConfigError, PeerError
from pprl.schema import Schema
from pprl_protocols import canonical, hpke, limits
from pprl_protocols.agreement import Agreement
from pprl_protocols.agreement_toml import write

SCHEMA = """schema = "openpprl/1"
name = "small"
dates_until = 2029-12-31

[filter]
scheme = "clk"
bits = 1024

[[fields]]
name = "name_words"   # a comment, kept
column = "name"
read = "words"
qgrams = 2
bits_per_token = 8

[[tokens]]
kind = "nik"
"""


DAYS = ("valid_from", "valid_until", "receipt_deadline", "audit_deadline")

REGENCY = {"name": "regency", "agencies": ["dinsos"], "values": ["6408", "6471"], "levels": []}


def key_of(name):
    return Ed25519PrivateKey.from_private_bytes(canonical.sha256(name.encode())[:32].encode())


def identity(name):
    return key_of(name).public_key().public_bytes_raw().hex()


def card(name, **changes):
    content = {
        "version": 1,
        "party": name,
        "identity": identity(name),
        "kem": "MLKEM768-X25519",
        "key": canonical.sha256(name.encode())[:2] * hpke.PUBLIC_BYTES,
        "created": "2026-01-05",
    }
    signature = key_of(name).sign(b"pprl/v1/card" + canonical.dumps(content))
    return {**content, "signature": signature.hex(), **changes}


def party(name, role, **more):
    agency = {"population": "families of Garut", "max_records": 1000} if role == "agency" else {}
    return {
        "name": name,
        "role": role,
        "identity": identity(name),
        "card": card(name),
        "population": "",
        "max_records": None,
        **agency,
        **more,
    }


def content(**changes):
    return {
        "version": 1,
        "run": "0f" * 16,
        "purpose": "Which families at risk of stunting are in the lowest deciles.\nNothing else.",
        "legal_basis": "UU 27/2022 pasal 34",
        "dpia": 'DPIA/2026/01 "final"',
        "valid_from": "2026-01-05",
        "valid_until": "2026-02-05",
        "receipt_deadline": "2026-02-12",
        "audit_deadline": "2026-06-30",
        "retention": "All encodings are deleted at CLOSE.",
        "coordinator_may_hold_register": True,
        "schema_text": SCHEMA,
        "schema_digest": Schema.from_toml(SCHEMA, path="").digest,
        "decision": {"target": "precision", "precision_ppm": 995_000, "seed": 7},
        "disclosure": {
            "mode": "link",
            "minimum_cell": 10,
            "strata": [REGENCY],
            "families": False,
            "attributes": [{"from": "dinsos", "to": "bkkbn", "name": "decile", "bytes": 2}],
            "publish": [["regency"]],
            "noise_scale": 0,
            "repeats": {"runs": 4, "days": 365},
        },
        "parties": [
            party("bkkbn", "agency"),
            party("dinsos", "agency"),
            party("bps", "coordinator"),
            party("bpk", "auditor"),
        ],
        **changes,
    }


def build(**changes):
    return Agreement.from_bytes(canonical.dumps(content(**changes)))


WHOLE = build()


def with_parties(change):
    parties = content()["parties"]
    change(parties)
    return {"parties": parties}


def test_bytes_are_read_and_written_back_unchanged():
    assert WHOLE.to_bytes() == canonical.dumps(content())
    assert WHOLE.digest == canonical.sha256(WHOLE.to_bytes())


def test_toml_gives_the_same_agreement_back():
    assert Agreement.from_toml(WHOLE.to_toml()) == WHOLE
    assert Agreement.from_toml(WHOLE.to_toml()).digest == WHOLE.digest


def test_toml_is_what_people_can_edit():
    text = WHOLE.to_toml()
    assert "valid_from = 2026-01-05\n" in text
    assert SCHEMA in text
    assert "[disclosure]\n" in text
    assert '[[parties]]\nname = "bkkbn"\n' in text
    assert tomllib.loads(text)["parties"][3].keys() == {"name", "role", "identity", "card"}


TEXTS = (
    st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" \n\t'\"\\"))
    .filter(lambda text: text.strip())
    .map(lambda text: text[:200])
    .filter(lambda text: text.strip())
)


@settings(max_examples=30)
@given(TEXTS)
def test_any_prose_survives_the_way_through_toml(prose):
    agreement = WHOLE.model_copy(update={"purpose": prose, "retention": prose})
    assert Agreement.from_toml(agreement.to_toml()) == agreement


def test_a_draft_without_cards_and_auditor_is_an_agreement():
    roles = {"bkkbn": "agency", "dinsos": "agency", "bps": "coordinator"}
    draft = build(parties=[party(name, role, card=None) for name, role in roles.items()])
    assert Agreement.from_toml(draft.to_toml()) == draft
    assert draft.without_card() == ("bkkbn", "bps", "dinsos")
    assert WHOLE.without_card() == ()


def test_parties_are_found_by_role_and_name():
    assert [one.name for one in WHOLE.agencies] == ["bkkbn", "dinsos"]
    assert WHOLE.coordinator.name == "bps"
    assert WHOLE.auditor is not None
    assert WHOLE.auditor.name == "bpk"
    assert WHOLE.party("dinsos") is WHOLE.parties[1]
    assert WHOLE.party("nobody") is None


def test_the_schema_is_the_one_in_the_text():
    assert WHOLE.read_schema().digest == Schema.from_toml(SCHEMA).digest
    assert WHOLE.valid_from == dt.date(2026, 1, 5)


CONTRADICTIONS = {
    "agreement.agencies": with_parties(lambda all_: all_.pop(0)),
    "agreement.coordinators": with_parties(lambda all_: all_.pop(2)),
    "agreement.auditors": with_parties(lambda all_: all_.append(party("bpkp", "auditor"))),
    "agreement.repeated_name": with_parties(
        lambda all_: all_.__setitem__(3, {**party("bps", "auditor"), "identity": identity("x")})
    ),
    "agreement.repeated_identity": with_parties(
        lambda all_: all_.__setitem__(3, {**party("bps", "auditor"), "name": "bpk"})
    ),
    "agreement.repeated_card": with_parties(
        lambda all_: all_.__setitem__(3, party("bpk", "auditor", card=card("bps")))
    ),
    "agreement.agency_needs": with_parties(lambda all_: all_[0].update(population="")),
    "agreement.agency_only": with_parties(lambda all_: all_[2].update(max_records=5)),
    "agreement.card_of_another": with_parties(lambda all_: all_[2].update(card=card("x"))),
    "agreement.validity": {"valid_until": "2026-01-04"},
    "agreement.deadlines": {"audit_deadline": "2026-02-11"},
    "agreement.precision": {"decision": {"target": "f1", "precision_ppm": 1, "seed": 7}},
    "agreement.schema": {"schema_text": 'name = "canary"'},
    "agreement.attributes_in_count": {
        "disclosure": {**content()["disclosure"], "mode": "count"},
    },
    "agreement.attribute_parties": {
        "disclosure": {
            **content()["disclosure"],
            "attributes": [{"from": "dinsos", "to": "bps", "name": "decile", "bytes": 2}],
        },
    },
    "agreement.repeated_disclosure": {
        "disclosure": {**content()["disclosure"], "strata": [REGENCY, REGENCY]},
    },
}


@pytest.mark.parametrize("code", CONTRADICTIONS)
def test_contradictions_are_named_and_are_the_peers_fault_in_bytes(code):
    with pytest.raises(PeerError) as caught:
        build(**CONTRADICTIONS[code])
    assert caught.value.code == code
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("code", sorted({*CONTRADICTIONS} - {"agreement.schema"}))
def test_contradictions_are_the_writers_fault_in_toml(code):
    whole = content(**CONTRADICTIONS[code])
    days = {name: dt.date.fromisoformat(whole[name]) for name in DAYS}
    with pytest.raises(ConfigError) as caught:
        Agreement.from_toml(write({**whole, **days}))
    assert caught.value.code == code


def test_a_precision_target_needs_a_precision():
    with pytest.raises(PeerError) as caught:
        build(decision={"target": "precision", "precision_ppm": None, "seed": 7})
    assert caught.value.code == "agreement.precision"


def test_a_ninth_agency_is_refused():
    agencies = [party(f"a{i}", "agency") for i in range(limits.MAX_AGENCIES + 1)]
    with pytest.raises(PeerError) as caught:
        build(
            parties=[*agencies, party("bps", "coordinator")],
            disclosure={**content()["disclosure"], "attributes": []},
        )
    assert caught.value.code == "agreement.agencies"


@pytest.mark.parametrize("changes", [{"created": "2026-01-06"}, {"signature": "0" * 128}])
def test_a_card_altered_after_signing_is_refused(changes):
    parties = with_parties(lambda all_: all_[0].update(card=card("bkkbn", **changes)))
    with pytest.raises(PeerError) as caught:
        build(**parties)
    assert caught.value.code == "protocol.card_signature"


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        ('run = "', 'ran = "', "agreement.missing", "run"),
        ("version = 1", "version = 2", "agreement.one_of", "version"),
        ("valid_from = 2026-01-05", "valid_from = 5", "agreement.date", "valid_from"),
        ("valid_from = 2026-01-05", 'valid_from = "soon"', "agreement.date", "valid_from"),
        ("valid_from = 2026-01-05", "valid_from = 2026-01-05T10:00:00", "agreement.date", None),
        ("seed = 7", "seed = 7.5", "agreement.integer", "decision.seed"),
        ("seed = 7", 'seed = "7"', "agreement.integer", "decision.seed"),
        ("seed = 7", "seed = -7", "agreement.too_small", "decision.seed"),
        ("minimum_cell = 10", "minimum_cell = 9", "agreement.too_small", None),
        ("995000", "1000000", "agreement.too_big", "decision.precision_ppm"),
        ('mode = "link"', 'mode = "open"', "agreement.one_of", "disclosure.mode"),
        ('name = "bps"', 'name = "con"', "agreement.value", "parties[3].name"),
        ('name = "bps"', "name = 5", "agreement.text", "parties[3].name"),
        ("seed = 7", "seed = 7\nseeed = 1", "agreement.unknown", "decision.seeed"),
        ("seed = 7", 'seed = 7\n"canary 9" = 1', "agreement.unknown", "decision[*]"),
    ],
)
def test_a_wrong_line_of_toml_is_said_in_our_words(old, new, code, where):
    text = WHOLE.to_toml()
    assert old in text
    with pytest.raises(ConfigError) as caught:
        Agreement.from_toml(text.replace(old, new, 1))
    assert caught.value.code == code
    assert where in {None, caught.value.values["where"]}
    assert "canary" not in str(caught.value)


def test_a_mistyped_key_is_answered_with_the_one_most_like_it():
    with pytest.raises(ConfigError) as caught:
        Agreement.from_toml(WHOLE.to_toml().replace("seed = 7", "seed = 7\nseeed = 1"))
    assert caught.value.values["near"].startswith("seed, ")


def test_the_choices_are_listed_without_words_of_one_language():
    with pytest.raises(ConfigError) as caught:
        Agreement.from_toml(WHOLE.to_toml().replace('role = "auditor"', 'role = "boss"'))
    assert caught.value.values["expected"] == "agency, coordinator, auditor"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = = 2\n", 2), ("a = 1\nb = '''", 2), ("a = " + "[" * 10_000, 1), ("a" * 99, 1)],
)
def test_text_that_is_no_toml_is_refused_with_its_line(text, line):
    with pytest.raises(ConfigError) as caught:
        Agreement.from_toml(text)
    assert (caught.value.code, int(caught.value.values["line"])) == ("agreement.not_toml", line)


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "9" * 5000, "nan", "inf"])
def test_numbers_beyond_all_bounds_are_refused(number):
    with pytest.raises(ConfigError):
        Agreement.from_toml(WHOLE.to_toml().replace("seed = 7", f"seed = {number}"))


def test_the_schemas_own_mistake_is_named_to_its_writer():
    with pytest.raises(ConfigError) as caught:
        Agreement.from_toml(WHOLE.to_toml().replace("bits = 1024", "bits = 0"))
    assert caught.value.code == "schema.invalid"
    assert caught.value.values["where"] == "filter.bits"


def test_too_long_an_agreement_is_refused_before_it_is_read():
    with pytest.raises(ConfigError) as caught:
        Agreement.from_toml(" " * (limits.MAX_AGREEMENT_BYTES + 1))
    assert caught.value.code == "agreement.too_large"
    with pytest.raises(PeerError) as refused:
        Agreement.from_bytes(b" " * (limits.MAX_AGREEMENT_BYTES + 1))
    assert refused.value.code == "protocol.oversize"


def test_another_spelling_of_the_same_agreement_is_refused():
    for other in (
        canonical.dumps(content(valid_from="2026-01-05T00:00:00")),
        canonical.dumps(content(version=True)),
        WHOLE.to_bytes() + b"\n",
        WHOLE.to_bytes().replace(b'"from":', b'"from_":'),
    ):
        with pytest.raises(PeerError):
            Agreement.from_bytes(other)


def test_an_unknown_name_in_bytes_is_not_repeated():
    with pytest.raises(PeerError) as caught:
        build(canary=1)
    assert caught.value.code == "protocol.agreement_field"
    assert "canary" not in str(caught.value)


@given(st.integers(0, len(WHOLE.to_bytes()) - 1), st.integers(1, 255))
@settings(max_examples=60)
def test_a_changed_byte_gives_another_digest_or_a_refusal(place, change):
    data = bytearray(WHOLE.to_bytes())
    data[place] ^= change
    try:
        digest = Agreement.from_bytes(bytes(data)).digest
    except PeerError:
        digest = ""
    assert digest != WHOLE.digest


@given(st.binary(max_size=100))
def test_arbitrary_bytes_raise_only_a_peer_error(data):
    with pytest.raises(PeerError):
        Agreement.from_bytes(data)


@given(st.text(max_size=100))
def test_arbitrary_text_raises_only_a_config_error(text):
    with pytest.raises(ConfigError):
        Agreement.from_toml(text)
