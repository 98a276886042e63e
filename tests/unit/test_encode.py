import hashlib

import numpy as np
import pytest

from pprl import ConfigError, EncodedSet, InputError, LinkageKey, Schema, encode
from pprl.encode import pipeline
from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.ngrams import bits_per_token, tokens
from pprl.schema.feature import BitsPerFeature, Exact, Numeric, QGrams

KEY = LinkageKey(bytes(range(32)))
SCHEMA = Schema.load("indonesia")
NIK = "6408995503909901"
PERSON = {"nik": NIK, "nama": "Siti Aminah", "tgl_lahir": "15-03-1990", "jk": "P"}


def people(*changes, **columns):
    rows = [PERSON | change for change in changes]
    return {name: [row.get(name) for row in rows] for name in rows[0]} | columns


def token(encoded, kind="nik"):
    return encoded.token_column(kind).to_pylist()


def test_a_nik_token_is_blake2b_keyed_for_its_kind():
    (found,) = token(encode(people({}), SCHEMA, KEY))
    expected = hashlib.blake2b(
        NIK.encode(), digest_size=16, key=KEY.derive("token/nik"), person=b"nik"
    )
    assert found == expected.digest()


def test_a_nik_written_differently_has_the_same_token_and_a_damaged_one_only_nik15():
    spelled = ["6408 9955 0390 9901", NIK + ".0", "6.40899550390990e+15", "TIDAK ADA"]
    encoded = encode(people({}, *({"nik": text} for text in spelled)), SCHEMA, KEY)
    nik, nik15 = token(encoded), token(encoded, "nik15")
    assert nik[0] == nik[1] == nik[2]
    assert nik[3:] == [None, None]
    assert nik15[0] == nik15[1] == nik15[2] == nik15[3]
    assert nik15[4] is None


def test_another_key_gives_other_tokens_and_filters():
    one, other = (encode(people({}), SCHEMA, key) for key in (KEY, LinkageKey(b"x" * 32)))
    assert token(one) != token(other)
    assert not np.array_equal(one.filter_words(), other.filter_words())
    assert one.header.key_check != other.header.key_check


def test_names_that_normalise_alike_have_the_same_filter():
    encoded = encode(
        people({"nama": "H. Moh. Yusuf, S.Pd"}, {"nama": "MUHAMAD YUSUP"}, {"nama": "Yusuf Moh"}),
        SCHEMA,
        KEY,
    )
    words = encoded.filter_words()
    assert np.array_equal(words[0], words[1])
    assert not np.array_equal(words[0], words[2])


def test_a_token_of_more_than_five_records_is_dropped_from_all_of_them():
    same = encode(people(*[{}] * 6, {"nik": "6408990101700001"}), SCHEMA, KEY)
    assert token(same)[:6] == [None] * 6
    assert token(same)[6] is not None
    five = encode(people(*[{}] * 5), SCHEMA, KEY)
    assert len(set(token(five))) == 1
    assert None not in token(five)


def test_match_keys_combine_normalised_fields_and_need_all_of_them():
    schema = Schema.from_toml(
        SCHEMA.text + '\n[[tokens]]\nkind = "person"\nof = ["name", "birth_date", "sex"]\n'
    )
    encoded = encode(
        people(
            {}, {"nama": "AMINAH SITI", "tgl_lahir": "1990-03-15", "jk": "Perempuan"}, {"jk": ""}
        ),
        schema,
        KEY,
    )
    found = token(encoded, "person")
    assert found[0] == found[1] is not None
    assert found[2] is None


def test_the_bytes_depend_neither_on_threads_nor_on_where_chunks_end(tmp_path, monkeypatch):
    table = people(
        *({"nama": f"Budi {chr(97 + i % 26)}anto", "nik": f"640899{i:010d}"} for i in range(500))
    )
    encode(table, SCHEMA, KEY, out=tmp_path / "one.arrow", threads=1)
    encode(table, SCHEMA, KEY, out=tmp_path / "four.arrow", threads=4)
    assert (tmp_path / "one.arrow").read_bytes() == (tmp_path / "four.arrow").read_bytes()
    monkeypatch.setattr(pipeline, "MEMORY_BYTES", 0)  # everything through the temporary file
    encode(table, SCHEMA, KEY, out=tmp_path / "spooled.arrow")
    assert (tmp_path / "one.arrow").read_bytes() == (tmp_path / "spooled.arrow").read_bytes()
    assert encode(table, SCHEMA, KEY).table.equals(EncodedSet.open(tmp_path / "one.arrow").table)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "four.arrow", "one.arrow", "spooled.arrow"
    ]  # fmt: skip


def test_ids_wait_in_memory_and_the_temporary_file_goes_where_it_is_told(tmp_path, monkeypatch):
    source = open_data(
        people(*({"nama": f"Budi {at}"} for at in range(50)), id=[f"id-{at}" for at in range(50)])
    )
    columns = resolve(SCHEMA, source, {}, None)
    encoder = Encoder(SCHEMA, KEY, columns.fields, columns.id_column)
    seen = []

    def look(_done, _expected):
        seen.extend(path.read_bytes() for path in tmp_path.iterdir())

    monkeypatch.setattr(pipeline, "MEMORY_BYTES", 0)
    encoded, _ = pipeline.encode_table(encoder, source, folder=tmp_path, progress=look)
    assert len(seen) == 1
    assert len(seen[0]) > 50 * SCHEMA.bits // 8
    assert b"id-1" not in seen[0]
    assert not list(tmp_path.iterdir())
    assert encoded.ids.to_pylist() == [f"id-{at}" for at in range(50)]
    monkeypatch.undo()
    assert encoded.table.equals(pipeline.encode_table(encoder, source)[0].table)


def test_the_id_is_a_recognised_column_a_named_one_or_the_row_number():
    table = people({}, {}, id=["a", "b"], code=["x", "y"])
    assert encode(table, SCHEMA, KEY).ids.to_pylist() == ["a", "b"]
    assert encode(table, SCHEMA, KEY, id_column="code").ids.to_pylist() == ["x", "y"]
    del table["id"]
    assert encode(table, SCHEMA, KEY).ids.to_pylist() == ["1", "2"]


def test_repeated_ids_are_refused_by_row_and_nothing_is_written(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("id,nik,nama,tgl_lahir,jk\na,,A,,L\nb,,B,,L\n\na,,C,,P\n")
    with pytest.raises(InputError) as caught:
        encode(path, SCHEMA, KEY, out=tmp_path / "out.arrow")
    assert (caught.value.code, caught.value.values) == (
        "id.repeated",
        {"row": 5, "earlier": 2, "count": 1},
    )
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


def test_a_record_without_an_id_is_refused_by_row():
    with pytest.raises(InputError, match="row 2 has no id in the column id"):
        encode(people({}, {}, id=["a", None]), SCHEMA, KEY)


def test_the_nik_is_never_an_id():
    for table, column in ((people({}), "nik"), (people({}, **{"No KTP": [NIK]}), "No KTP")):
        with pytest.raises(ConfigError, match="can't be the id"):
            encode(table, SCHEMA, KEY, id_column=column)


def test_niks_are_found_among_ids_under_any_header():
    niks = [f"640899{day:02d}0190{serial:04d}" for day in range(1, 29) for serial in (1, 2)]
    table = people(*[{"nik": nik} for nik in niks], id=niks)
    with pytest.raises(ConfigError, match="can't be the id"):
        encode(table, SCHEMA, KEY)
    table["id"] = [f"KTM-{place:07d}" for place in range(len(niks))]
    assert len(encode(table, SCHEMA, KEY)) == len(niks)


@pytest.mark.parametrize("column", ["nama", "No. KK"])
def test_no_personal_column_is_an_id(column):
    with pytest.raises(ConfigError, match="personal data"):
        encode(people({}, **{"No. KK": ["6408990101200001"]}), SCHEMA, KEY, id_column=column)


def test_a_missing_column_is_named_with_the_remedy():
    table = people({})
    del table["jk"]
    with pytest.raises(InputError) as caught:
        encode(table, SCHEMA, KEY)
    assert "no column for sex" in str(caught.value)
    assert "--map sex=" in caught.value.hint


def test_a_regency_comes_from_its_own_column_or_from_the_district_and_must_come_from_one():
    schema = Schema.from_toml(
        SCHEMA.text + '\n[[tokens]]\nkind = "place"\nof = ["name", "regency"]\n'
    )
    (own,) = token(encode(people({}, kode_kab=["64.08"]), schema, KEY), "place")
    (part,) = token(encode(people({}, kode_kecamatan=["640801"]), schema, KEY), "place")
    assert own == part is not None
    with pytest.raises(InputError, match="no column for regency"):
        encode(people({}), schema, KEY)


def test_a_column_can_be_named_by_hand():
    table = people({})
    table["sebutan"] = table.pop("nama")
    encoded = encode(table, SCHEMA, KEY, mapping={"name": "sebutan"})
    assert np.array_equal(encoded.filter_words(), encode(people({}), SCHEMA, KEY).filter_words())


def test_an_optional_column_may_be_missing_and_counts_when_it_is_there():
    with_code = encode(people({}, kode_kecamatan=["64.08.99"]), SCHEMA, KEY)
    without = encode(people({}), SCHEMA, KEY)
    bits = [int(np.bitwise_count(one.filter_words()).sum()) for one in (without, with_code)]
    assert bits[0] < bits[1]


def test_the_output_is_refused_before_any_work_when_it_exists(tmp_path):
    (tmp_path / "out.arrow").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        encode(people({}), SCHEMA, KEY, out=tmp_path / "out.arrow")
    assert (tmp_path / "out.arrow").read_text() == "mine"


def test_what_a_date_means_is_in_the_schema_and_not_in_the_computers_clock():
    def year(schema, text):
        encoded = encode(people({"tgl_lahir": text}, {"tgl_lahir": ""}), schema, KEY)
        words = encoded.filter_words()
        return words[0].tobytes() if not np.array_equal(words[0], words[1]) else None

    early = Schema.from_toml(SCHEMA.text.replace("2029-12-31", "1999-12-31"))
    assert year(SCHEMA, "17-08-25") == year(SCHEMA, "17-08-2025")
    assert year(early, "17-08-25") == year(early, "17-08-1925")
    assert year(early, "17-08-2025") is None
    assert early.digest != SCHEMA.digest


def test_an_empty_record_has_an_empty_filter():
    encoded = encode(
        people({"nama": None, "tgl_lahir": None, "jk": None, "nik": None}), SCHEMA, KEY
    )
    assert not encoded.filter_words().any()


def test_text_fields_of_a_native_schema():
    schema = Schema.from_toml("""
schema = "openpprl/1"
name = "generic"
[[fields]]
name = "suburb"
column = "suburb"
qgrams = 3
bits_per_token = 10
[[fields]]
name = "postcode"
column = "postcode"
read = "digits"
qgrams = 1
positional = true
bits_per_token = 10
""")
    table = {
        "suburb": ["St. Kilda  West", "st kilda west", "Émile"],
        "postcode": ["3 182", "3182", ""],
    }
    words = encode(table, schema, KEY).filter_words()
    assert np.array_equal(words[0], words[1])
    assert words[2].any()


@pytest.mark.parametrize(
    ("value", "comparison", "expected"),
    [
        ("", QGrams(2), []),
        ("a", QGrams(1), ["a"]),
        ("ab", QGrams(3), ["  a", " ab", "ab ", "b  "]),
        ("ab", QGrams(2, positional=True), ["1  a", "2 ab", "3 b "]),
        ("ab cd", Exact(), ["ab cd"]),
        ("21", Numeric(4, 2, 0), ["76", "80", "84", "88", "92"]),
    ],
)
def test_tokens_of_a_value(value, comparison, expected):
    assert tokens(value, comparison) == expected


def test_bits_of_a_feature_are_spread_over_its_tokens():
    assert bits_per_token(BitsPerFeature(10), 4) == [3, 3, 2, 2]
    assert bits_per_token(BitsPerFeature(3), 0) == []
