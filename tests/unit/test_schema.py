import json

import pytest

from pprl import ConfigError, LinkageKey, Schema
from pprl.normalise import fingerprint
from pprl.schema.feature import BitsPerToken, QGrams

SMALL = """
schema = "openpprl/1"
name = "small"

[[fields]]
name = "name_words"
column = "name"
read = "words"
qgrams = 2
bits_per_token = 8
"""


def test_the_built_in_schema_has_the_nik_tokens_and_an_optional_district():
    schema = Schema.load("indonesia")
    assert schema.token_kinds == ("nik", "nik15")
    assert schema.bits == 1024
    (district,) = [feature for feature in schema.features if feature.optional]
    assert district.column == "district"


def test_a_toml_file_becomes_features(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(SMALL)
    (feature,) = Schema.load(path).features
    assert feature.comparison == QGrams(2)
    assert feature.strategy == BitsPerToken(8)


def test_the_digest_ignores_comments_and_sees_weights():
    one = Schema.from_toml(SMALL)
    assert Schema.from_toml("# a comment\n" + SMALL).digest == one.digest
    assert Schema.from_toml(SMALL.replace("= 8", "= 9")).digest != one.digest


def test_the_digest_changes_with_the_normalisation_rules(monkeypatch):
    before = Schema.from_toml(SMALL).digest
    monkeypatch.setattr(fingerprint, "VERSION", fingerprint.VERSION + 1)
    assert Schema.from_toml(SMALL).digest != before


def test_adding_a_field_leaves_the_keys_of_the_others_alone():
    key = LinkageKey(b"k" * 32)
    more = SMALL + SMALL[SMALL.index("[[fields]]") :].replace("name_words", "another")
    (before,) = Schema.from_toml(SMALL).field_keys(key)
    after = Schema.from_toml(more).field_keys(key)
    assert after[0] == before
    assert after[1] != before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("qgrams = 2", "qgram = 2", "fields[1].qgram: nothing is called that here; did you mean q"),
        ("qgrams = 2", "", "give either qgrams = N or exact = true"),
        ("qgrams = 2", "exact = true", 'read = "words" goes with qgrams of 1 to 3'),
        ("qgrams = 2", "qgrams = 4", 'read = "words" goes with qgrams of 1 to 3'),
        ("qgrams = 2", "qgrams = 3\npositional = true", "with positional of 1 or 2"),
        ("qgrams = 2", "qgrams = 9", "fields[1].qgrams: input should be less than"),
        ("bits_per_token = 8", "", "name_words needs bits_per_token"),
        ('read = "words"', 'read = "wards"', "fields[1].read"),
        ('read = "words"', 'read = "region"', 'level = "district" goes with'),
        ('name = "small"', 'name = "Small Schema"', "name: string should match"),
        ("openpprl/1", "openpprl/2", "schema: input should be 'openpprl/1'"),
        ("[[fields]]", "[[tokens]]\nkind='x'\n[[fields]]", "x needs of = [...]"),
        ("[[fields]]", "[[tokens]]\nkind='x'\nof=['dob']\n[[fields]]", "dob can't be part"),
        ("[[fields]]", "[[fields", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(old, new, says):
    with pytest.raises(ConfigError) as caught:
        Schema.from_toml(SMALL.replace(old, new))
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_two_fields_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two fields are called name_words"):
        Schema.from_toml(SMALL + SMALL[SMALL.index("[[fields]]") :])


def test_a_token_kind_fits_the_personalisation_of_the_hash():
    tokens = "[[tokens]]\nkind = 'a_kind_longer_than_16'\nof = ['name']\n"
    with pytest.raises(ConfigError, match="tokens"):
        Schema.from_toml(SMALL + tokens)


def test_missing_and_unreadable_schemas(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Schema.load(tmp_path / "none.toml")
    assert "indonesia" in caught.value.hint
    with pytest.raises(ConfigError, match="can't be read"):
        Schema.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.update(version=2), "clkutil convert-schema"),
        (lambda s: s["clkConfig"].pop("l"), "clkConfig.l: field required"),
        (lambda s: s["clkConfig"].update(l=1000), "power of two"),
        (lambda s: s["clkConfig"]["kdf"].update(keySize=65), "at most 64"),
        (lambda s: s["clkConfig"]["kdf"].update(salt="*"), "base64"),
        (lambda s: s["features"][0]["hashing"]["strategy"].update(bitsPerFeature=3), "either"),
        (lambda s: s["features"][0]["format"].update(pattern="["), "regular expression"),
        (lambda s: s["features"].append(s["features"][0]), "same identifier"),
        (lambda s: s["features"][0].update(ignored=True), "nothing to encode"),
        (lambda s: s["clkConfig"].update(l=2**60), "clkConfig.l: input should be less than"),
        (lambda s: s["clkConfig"].update(xor_folds=7), "at most 65536 bits before it is folded"),
        (lambda s: s["features"][0]["hashing"]["strategy"].update(bitsPerToken=2**40), "less than"),
        (lambda s: s["features"][0]["hashing"]["comparison"].update(n=2**40), "less than"),
        (lambda s: s["features"][0]["format"].update(maxLength=2**60), "less than"),
        (
            lambda s: s["features"][0]["hashing"].update(
                comparison={"type": "numeric", "thresholdDistance": 1e999, "resolution": 1}
            ),
            "less than",
        ),
        (
            lambda s: s["features"][0].update(
                format={"type": "string", "encoding": "ascii"},
                hashing={
                    **s["features"][0]["hashing"],
                    "missingValue": {"sentinel": "", "replaceWith": "é"},
                },
            ),
            "ascii doesn't have",
        ),
    ],
)
def test_a_mistake_in_a_clkhash_schema_is_named(change, says):
    schema = {
        "version": 3,
        "clkConfig": {"l": 1024, "kdf": {"type": "HKDF"}},
        "features": [
            {
                "identifier": "name",
                "format": {"type": "string"},
                "hashing": {
                    "comparison": {"type": "ngram", "n": 2},
                    "strategy": {"bitsPerToken": 3},
                },
            }
        ],
    }
    Schema.from_clkhash(json.dumps(schema))
    change(schema)
    with pytest.raises(ConfigError) as caught:
        Schema.from_clkhash(json.dumps(schema))
    assert says in str(caught.value)


def test_json_that_is_none_is_named_with_its_line():
    with pytest.raises(ConfigError, match=r"not valid JSON \(line 2\)"):
        Schema.from_clkhash('{\n"version": }')


@pytest.mark.parametrize("read", [Schema.from_toml, Schema.from_clkhash])
@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 5_000])
def test_a_schema_that_no_parser_can_hold_is_refused(read, value):
    text = f"a = {value}" if read == Schema.from_toml else f'{{"version": {value}}}'
    with pytest.raises(ConfigError, match="nested too deeply"):
        read(text)
