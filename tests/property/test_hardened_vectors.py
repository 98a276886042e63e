"""Known answers of hardened filters: what the spec prints, counted again without the library."""

import tomllib
from hashlib import shake_256
from pathlib import Path

import pyarrow as pa
import pytest

import pprl
from pprl.encode.hardened import hardened_reference

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "encoding.md"
FENCE = "```toml\n"


def vectors():
    """Return the vectors of the spec: the TOML block of its section on hardened filters."""
    section = SPEC.read_text(encoding="utf-8").split("## Hardened filters", 1)[1]
    return tomllib.loads(section.split(FENCE, 1)[1].split("```", 1)[0])["vectors"]


def counted(grams, key, kappa, bits):
    """Count every bit of every family by itself, in whole numbers."""
    weighted = [*grams.items()]
    if sum(grams.values()) % 2 == 0:
        weighted.append((("", ""), 1))
    total = sum(weight for _, weight in weighted)
    streams = []
    for (field, gram), weight in weighted:
        name = field.encode()
        stream = shake_256(key + len(name).to_bytes(2, "big") + name + gram.encode())
        streams.append((int.from_bytes(stream.digest(kappa * bits // 8), "big"), weight))
    filter_ = 0
    for place in range(bits):
        bit = 0
        for family in range(kappa):
            shift = kappa * bits - 1 - (family * bits + place)
            bit ^= 2 * sum(weight * (value >> shift & 1) for value, weight in streams) > total
        filter_ = filter_ << 1 | bit
    return filter_.to_bytes(bits // 8, "big").hex()


def grams_of(vector):
    return {
        (field, gram): weight
        for field, by_weight in vector["grams"].items()
        for weight, grams in ((int(one), each) for one, each in by_weight.items())
        for gram in grams
    }


@pytest.mark.parametrize("place", [0, 1])
def test_the_vectors_of_the_spec_hold(place):
    vector = vectors()[place]
    key, grams = bytes.fromhex(vector["key"]), grams_of(vector)
    found = hardened_reference(grams, key, kappa=vector["kappa"], bits=vector["bits"])
    assert found.hex() == vector["filter"] == counted(grams, key, vector["kappa"], vector["bits"])


def test_one_vector_has_an_even_weight_and_one_an_odd():
    """So that the constant q-gram is in one and not in the other."""
    assert {sum(grams_of(each).values()) % 2 for each in vectors()} == {0, 1}


def test_the_record_of_the_spec_is_made_of_the_grams_of_its_vector():
    """Through the whole encoder with the built-in schema: its own key, and its 2,048 bits."""
    key = pprl.LinkageKey(bytes(range(32)))
    row = {"id": ["1"], "nik": [None], "nama": ["ST. AMINAH"], "tgl_lahir": ["15-03-1990"]}
    schema = pprl.Schema.load("indonesia-hardened")
    table = pprl.encode(pa.table(row | {"jk": ["P"]}), schema, key).table
    wanted = counted(grams_of(vectors()[1]), key.derive("hardened"), schema.kappa, 2048)
    assert [each.hex() for each in table["filter"].to_pylist()] == [wanted]
