"""The oracle: for any linkage schema and any data, our bits are clkhash's bits."""

import base64
import csv
import io
import json

import numpy as np
import pytest
from clkhash.clk import generate_clk_from_csv, generate_clks
from clkhash.schema import from_json_dict
from clkhash.serialization import deserialize_bitarray, serialize_bitarray
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pprl import EncodedSet, LinkageKey, Schema, encode
from pprl.errors import ConfigError, InputError

ENCODINGS = ["ascii", "utf-8", "utf-16", "utf-32"]


def texts(encoding="utf-8"):
    # No surrogates (no encoding has them) and no zero bytes (no CSV file has them).
    top = 127 if encoding == "ascii" else 0x10FFFF
    letters = st.characters(min_codepoint=1, max_codepoint=top, exclude_categories=["Cs"])
    usual = st.text("abcdefghij -'éß漢", max_size=24).filter(
        lambda text: encoding != "ascii" or text.isascii()
    )
    return usual | st.text(letters, max_size=12)


@st.composite
def hashings(draw, *, numeric, l_bits):
    power_of_two = l_bits & (l_bits - 1) == 0
    kinds = [
        st.fixed_dictionaries(
            {"type": st.just("ngram"), "n": st.integers(1, 5)},
            optional={"positional": st.booleans()},
        ),
        st.just({"type": "exact"}),
    ]
    if numeric:
        kinds.append(
            st.fixed_dictionaries(
                {
                    "type": st.just("numeric"),
                    "thresholdDistance": st.sampled_from([1, 2, 3.7, 10, 250]),
                    "resolution": st.integers(1, 12),
                },
                optional={"fractional_precision": st.integers(0, 3)},
            )
        )
    hashing = {
        "comparison": draw(st.one_of(kinds)),
        "strategy": draw(
            st.builds(lambda b: {"bitsPerToken": b}, st.integers(1, 40))
            | st.builds(lambda b: {"bitsPerFeature": b}, st.integers(1, 300))
        ),
    }
    double = {"type": "doubleHash"}
    choices = [double, {**double, "prevent_singularity": True}]
    if power_of_two:
        choices += [None, {"type": "blakeHash"}]
    chosen = draw(st.sampled_from(choices))
    if chosen:
        hashing["hash"] = chosen
    if draw(st.booleans()):
        hashing["missingValue"] = {"sentinel": draw(st.sampled_from(["", "NA", "0"]))}
        if draw(st.booleans()):
            hashing["missingValue"]["replaceWith"] = draw(st.sampled_from(["", "7", "31"]))
    return hashing


@st.composite
def features(draw, place, l_bits):
    """A feature and a strategy for values that it allows."""
    identifier = f"column {place}"
    kind = draw(st.sampled_from(["string", "integer", "date", "enum", "ignored"]))
    if kind == "ignored":
        return {"identifier": identifier, "ignored": True}, texts()
    form = {"type": kind}
    if kind == "string":
        encoding = draw(st.sampled_from(ENCODINGS))
        form["encoding"] = encoding
        values = texts(encoding)
    elif kind == "integer":
        whole = st.integers(-(10**6), 10**6)
        values = whole.map(str) | whole.map("{:+d} ".format) | whole.map("{:09d}".format)
    elif kind == "date":
        form["format"] = draw(st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d"]))
        layout = form["format"]
        values = (
            st.dates().filter(lambda day: day.year >= 1000).map(lambda day: day.strftime(layout))
        )
    else:
        form["values"] = ["1", "2", "30"]
        values = st.sampled_from(form["values"])
    hashing = draw(hashings(numeric=kind in {"integer", "enum"}, l_bits=l_bits))
    if "missingValue" in hashing:
        missing = hashing["missingValue"]
        replaced = missing.get("replaceWith", missing["sentinel"])
        numeric = hashing["comparison"]["type"] == "numeric"
        if numeric and replaced == "NA":
            del hashing["missingValue"]
        else:
            values = values | st.just(missing["sentinel"])
    return {"identifier": identifier, "format": form, "hashing": hashing}, values


@st.composite
def cases(draw):
    """A linkage schema of clkhash and rows that conform to it."""
    folds = draw(st.integers(0, 2))
    length = draw(st.sampled_from([16, 64, 100, 128, 1000, 1024, 2048]))
    kdf = {"type": "HKDF"}
    if draw(st.booleans()):
        kdf["hash"] = draw(st.sampled_from(["SHA256", "SHA512"]))
    for part in ("salt", "info"):
        if draw(st.booleans()):
            kdf[part] = base64.b64encode(draw(st.binary(max_size=40))).decode()
    if draw(st.booleans()):
        kdf["keySize"] = draw(st.integers(1, 64))
    count = draw(st.integers(1, 5))
    drawn = [draw(features(place, length << folds)) for place in range(count)]
    assume(any("hashing" in feature for feature, _ in drawn))
    config = {"l": length, "kdf": kdf}
    if folds:
        config["xor_folds"] = folds
    schema = {"version": 3, "clkConfig": config, "features": [feature for feature, _ in drawn]}
    rows = draw(st.lists(st.tuples(*(values for _, values in drawn)), min_size=1, max_size=12))
    return schema, rows


def our_bits(encoded):
    width = (encoded.header.bits + 7) // 8
    return np.ascontiguousarray(encoded.filter_words()).view(np.uint8)[:, :width]


def their_bits(clks):
    return np.array([np.frombuffer(clk.tobytes(), dtype=np.uint8) for clk in clks])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), st.binary(min_size=16, max_size=48))
def test_any_schema_and_any_data_give_the_bits_of_clkhash(case, secret):
    schema, rows = case
    expected = generate_clks(rows, from_json_dict(json.loads(json.dumps(schema))), secret)
    names = [feature["identifier"] for feature in schema["features"]]
    table = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    encoded = encode(table, Schema.from_clkhash(json.dumps(schema)), LinkageKey(secret))
    assert np.array_equal(our_bits(encoded), their_bits(expected))


SCHEMA = {
    "version": 3,
    "clkConfig": {"l": 1024, "kdf": {"type": "HKDF", "hash": "SHA256"}},
    "features": [
        {"identifier": "rec_id", "ignored": True},
        {
            "identifier": "name",
            "format": {"type": "string"},
            "hashing": {
                "comparison": {"type": "ngram", "n": 2},
                "strategy": {"bitsPerFeature": 200},
            },
        },
        {
            "identifier": "born",
            "format": {"type": "date", "format": "%d-%m-%Y"},
            "hashing": {
                "comparison": {"type": "ngram", "n": 1, "positional": True},
                "strategy": {"bitsPerToken": 20},
                "missingValue": {"sentinel": ""},
            },
        },
    ],
}


def test_a_csv_file_gives_the_clk_file_of_clkhash(tmp_path):
    rows = [["r1", "Siti Aminah", "17-08-1990"], ["r2", 'Nur "Aini", S.Pd', ""], ["r3", "", ""]]
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["rec_id", "name", "born"], *rows])
    schema_path = tmp_path / "schema.json"
    schema_path.write_text(json.dumps(SCHEMA))
    secret = b"a secret of some length"
    ours = tmp_path / "ours.json"
    encode(path, Schema.load(schema_path), LinkageKey(secret), out=ours)
    clks = generate_clk_from_csv(
        io.StringIO(path.read_text()), secret, from_json_dict(SCHEMA), progress_bar=False
    )
    assert json.loads(ours.read_text()) == {"clks": [serialize_bitarray(clk) for clk in clks]}
    assert [deserialize_bitarray(text) for text in json.loads(ours.read_text())["clks"]] == clks


def test_a_clk_file_of_clkhash_is_read_back(tmp_path):
    clks = generate_clks([["1", "Budi", "01-02-1980"]], from_json_dict(SCHEMA), b"k" * 16)
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps({"clks": [serialize_bitarray(clk) for clk in clks]}))
    encoded = EncodedSet.open(path)
    assert encoded.ids.to_pylist() == ["0"]
    assert np.array_equal(our_bits(encoded), their_bits(clks))


def test_the_spelling_that_clkhash_ignores_is_refused():
    schema = json.loads(json.dumps(SCHEMA))
    schema["clkConfig"]["xorFolds"] = 1
    with pytest.raises(ConfigError, match="clkhash ignores xorFolds"):
        Schema.from_clkhash(json.dumps(schema))


def test_more_columns_than_hkdf_has_keys_for_are_refused():
    schema = json.loads(json.dumps(SCHEMA))
    schema["features"] += [{"identifier": f"x{i}", "ignored": True} for i in range(70)]
    with pytest.raises(ConfigError, match="HKDF-SHA256"):
        Schema.from_clkhash(json.dumps(schema))


@pytest.mark.parametrize(
    ("form", "value", "code"),
    [
        ({"type": "integer", "minimum": 5}, "4", "value.integer"),
        ({"type": "integer"}, "four", "value.integer"),
        ({"type": "date", "format": "%Y"}, "17-08", "value.date"),
        ({"type": "enum", "values": ["L", "P"]}, "X", "value.enum"),
        ({"type": "string", "case": "upper"}, "Siti", "value.case"),
        ({"type": "string", "minLength": 3}, "ab", "value.length"),
        ({"type": "string", "maxLength": 1}, "ab", "value.length"),
        ({"type": "string", "pattern": "[a-z]+"}, "ab1", "value.pattern"),
        ({"type": "string", "encoding": "ascii"}, "é", "value.encoding"),
    ],
)
def test_a_value_that_clkhash_refuses_is_refused_by_row_and_never_shown(form, value, code):
    schema = {**SCHEMA, "features": [{**SCHEMA["features"][1], "format": form}]}
    good = {"integer": "7", "date": "1999", "enum": "L", "string": "ABC"}[form["type"]]
    good = {"lower": "abc", "[a-z]+": "abc", 1: "A"}.get(
        form.get("pattern") or form.get("maxLength"), good
    )
    rows = [[good], [value]]
    with pytest.raises(ValueError, match=r"row 1|Invalid"):
        generate_clks(rows, from_json_dict(json.loads(json.dumps(schema))), b"k" * 16)
    with pytest.raises(InputError) as caught:
        encode(
            {"name": [good, value]}, Schema.from_clkhash(json.dumps(schema)), LinkageKey(b"k" * 16)
        )
    assert caught.value.code == code
    assert caught.value.values["row"] == 2
    assert value not in str(caught.value).replace("value", "")
