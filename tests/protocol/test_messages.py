import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.errors import PeerError
from pprl_protocols import canonical, limits, messages
from pprl_protocols.messages import Entry, parse_entry, parse_message

DIGEST, OTHER, RUN = "ab" * 32, "cd" * 32, "0f" * 16
COMMON = {"agreement": DIGEST, "party": "dinkes", "run": RUN}
FILE = {"sealed": DIGEST, "plain": OTHER, "size": 4096}
SHAPE = {"row_bytes": 64, "columns": ["id", "tier"]}
PLAIN = {
    "SIGN": {
        "commitment": DIGEST,
        "contributions": {"dukcapil": "00" * messages.CONTRIBUTION_BYTES},
    },
    "ENCODINGS": {**FILE, "signs": OTHER, "records": 1024, "root": DIGEST, "confirmation": OTHER},
    "RESULT": {
        "signs": OTHER,
        "results": {"dinkes": {**FILE, **SHAPE}, "dukcapil": {**FILE, **SHAPE}},
        "software": {"openpprl": "0.1.0"},
        "parameters": {"bits": 1024, "one_to_one": True, "scheme": "clk"},
        "counts": [
            {"agencies": ["dinkes", "dukcapil"], "stratum": {}, "value": 1230},
            {"agencies": ["dinkes", "dukcapil"], "stratum": {"regency": "32.05"}, "value": None},
        ],
        "confirmations": {"dinkes": DIGEST, "dukcapil": OTHER},
    },
    "RECEIPT": {"sealed": DIGEST, "plain": OTHER, **SHAPE, "confirmed": ["dukcapil"]},
    "CLOSE": {"missing": [], "deletion": "deleted"},
    "ABORT": {"reason": "wrong_contribution", "about": "dukcapil"},
    "DISPUTE": {"reason": "other", "about": None},
}


def message(kind):
    return copy.deepcopy({**COMMON, "kind": kind, **PLAIN[kind]})


def entry(kind="CLOSE"):
    return {
        "version": 1,
        "run": RUN,
        "party": "dinkes",
        "seq": 1,
        "previous": DIGEST,
        "heads": {"dukcapil": {"seq": 0, "digest": OTHER}},
        "message": message(kind),
    }


def refusal(function, argument):
    with pytest.raises(PeerError) as caught:
        function(argument)
    return caught.value


@pytest.mark.parametrize("kind", PLAIN)
def test_every_message_is_read_and_written_back_unchanged(kind):
    parsed = parse_message(message(kind))
    assert parsed.kind == kind
    assert parsed.model_dump(mode="json") == message(kind)


@pytest.mark.parametrize("kind", PLAIN)
def test_every_entry_is_read_and_written_back_unchanged(kind):
    payload = canonical.dumps(entry(kind))
    assert parse_entry(payload).to_bytes() == payload


@pytest.mark.parametrize("kind", PLAIN)
def test_no_field_may_be_missing_or_unknown(kind):
    whole = message(kind)
    for name in whole:
        less = {key: value for key, value in whole.items() if key != name}
        assert refusal(parse_message, less).code == "protocol.entry_field", name
    error = refusal(parse_message, {**whole, "siti_canary": 1})
    assert error.code == "protocol.entry_field"
    assert "canary" not in str(error)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("value", [None, -1, 1.5, True, "", "../x", [], {}, {"x": 1}, 2**60])
def test_wrong_values_raise_only_a_peer_error(kind, value):
    for name in COMMON:
        assert refusal(parse_message, {**message(kind), name: value}).code.startswith("protocol.")
    for name in PLAIN[kind]:
        try:
            parse_message({**message(kind), name: value})
        except PeerError as error:
            assert error.code in {"protocol.entry_field", "protocol.not_json"}  # noqa: PT017 - some values are right for some fields


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("SIGN", ["contributions"], {"dukcapil": "00"}),
        ("SIGN", ["contributions"], {"../x": "00" * messages.CONTRIBUTION_BYTES}),
        ("ENCODINGS", ["records"], 1025),
        ("ENCODINGS", ["size"], limits.MAX_BLOB_BYTES + 1),
        ("RESULT", ["counts", 0, "value"], 1234),
        ("RESULT", ["counts", 0, "agencies"], ["dinkes"]),
        ("RESULT", ["counts", 0, "agencies"], ["dukcapil", "dinkes"]),
        ("RESULT", ["results", "dinkes", "row_bytes"], 0),
        ("RESULT", ["results"], {}),
        ("RECEIPT", ["row_bytes"], 0),
        ("RECEIPT", ["confirmed"], ["dukcapil", "dukcapil"]),
        ("CLOSE", ["missing"], ["b", "a"]),
        ("CLOSE", ["deletion"], "maybe"),
        ("ABORT", ["reason"], "Siti said so"),
        ("ABORT", ["about"], "con"),
    ],
)
def test_what_could_say_too_much_or_say_one_thing_twice_is_refused(kind, path, value):
    whole = message(kind)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert refusal(parse_message, whole).code == "protocol.entry_field"


@pytest.mark.parametrize("value", [None, [], "SIGN", {"kind": "HELLO"}, {"kind": None}, {}])
def test_what_is_no_message_is_refused(value):
    assert refusal(parse_message, value).code == "protocol.entry_field"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 2),
        ("run", RUN + "\n"),
        ("party", "nul"),
        ("seq", -1),
        ("seq", limits.MAX_ENTRIES),
        ("seq", True),
        ("previous", ""),
        ("heads", {"dukcapil": {"seq": 0}}),
        ("heads", {"Dukcapil": {"seq": 0, "digest": OTHER}}),
        ("heads", {f"p{i}": {"seq": 0, "digest": OTHER} for i in range(limits.MAX_PARTIES)}),
        ("message", None),
    ],
)
def test_entries_with_a_wrong_field_are_refused_by_its_name(name, value):
    error = refusal(parse_entry, canonical.dumps({**entry(), name: value}))
    assert error.code == "protocol.entry_field"
    assert str(error.values["where"]).startswith(name)


def test_names_of_a_peers_own_are_not_repeated():
    heads = {"canary": {"seq": 0, "digest": OTHER, "canary": 1}, "CANARY": 1}
    error = refusal(parse_entry, canonical.dumps({**entry(), "heads": heads}))
    assert "canary" not in str(error).lower()


def test_an_entry_that_is_not_canonical_is_refused():
    assert refusal(parse_entry, canonical.dumps(entry()) + b"\n").code == "protocol.not_canonical"


def test_an_entry_made_here_is_an_entry_read_there():
    made = Entry(
        version=1,
        run=RUN,
        party="dinkes",
        seq=0,
        previous=None,
        heads={},
        message=messages.Close(**COMMON, missing=(), deletion="deleted"),
    )
    assert parse_entry(made.to_bytes()) == made


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_only_a_peer_error(data):
    assert refusal(parse_entry, data).code.startswith("protocol.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from([*COMMON, "kind", "missing"]), inside, max_size=5)
    ),
    max_leaves=10,
)


@given(JSON)
def test_arbitrary_values_raise_only_a_peer_error(value):
    assert refusal(parse_message, value).code in {"protocol.entry_field", "protocol.not_json"}


@given(st.data())
def test_a_changed_byte_of_an_entry_gives_another_entry_or_a_refusal(data):
    payload = bytearray(canonical.dumps(entry("RESULT")))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    try:
        again = parse_entry(bytes(payload)).to_bytes()
    except PeerError:
        again = bytes(payload)
    assert again == payload
