"""Terms of disclosure that contradict themselves are refused; others read as they were written."""

import pytest

from pprl.errors import ConfigError
from pprl_protocols import canonical, limits, tables
from pprl_protocols.agreement import Agreement
from pprl_protocols.messages import Count
from tests.protocol.federation import Federation, agreed_on
from tests.protocol.test_tables import DESIL, PLACE, disclosure

REFUSED = {
    "agreement.count_of_nothing": {"publish": (), "strata": (), "repeats": None},
    "agreement.repeats": {"repeats": None},
    "agreement.minimum_step": {"minimum_cell": 15},
    "agreement.stratum_unused": {"publish": (("kecamatan",),)},
    "agreement.table_of": {"publish": (("kecamatan", "desil", "sex"),)},
    "agreement.table_without_place": {"publish": (("kecamatan", "desil"), ("desil",))},
    "agreement.repeated_disclosure": {"publish": (("kecamatan", "desil"), ("desil", "kecamatan"))},
    "agreement.attributes_in_count": {"families": True},
    "agreement.places": {
        "strata": (PLACE, PLACE.model_copy(update={"name": "desa"}), DESIL),
        "publish": (("kecamatan", "desa", "desil"),),
    },
    "agreement.too_many_cells": {
        "strata": (
            PLACE.model_copy(update={"values": tuple(f"64{at:04}" for at in range(1, 3_000))}),
            DESIL,
        )
    },
}


@pytest.mark.parametrize("code", REFUSED)
def test_terms_that_contradict_themselves_are_refused(code):
    with pytest.raises(ConfigError) as refused:
        disclosure(**REFUSED[code]).check(["bkkbn", "kemensos"])
    assert refused.value.code == code


@pytest.mark.parametrize(
    "changed",
    [
        {"agencies": ("bkkbn", "bps")},
        {"agencies": ("bkkbn", "bkkbn")},
        {"agencies": ("bkkbn",)},
        {"values": ("640801", "640801")},
        {"values": ("640801", "6408")},
        {"values": ("640801", "000000")},
        {"levels": (6, 4)},
        {"levels": (4, 10)},
    ],
)
def test_a_stratum_that_cant_be_counted_by_is_refused(changed):
    with pytest.raises(ConfigError) as refused:
        PLACE.model_copy(update=changed).check(1, ["bkkbn", "kemensos"])
    assert refused.value.code == "agreement.stratum"
    with pytest.raises(ConfigError):
        DESIL.model_copy(update={"values": ("1", "other")}).check(1, ["bkkbn", "kemensos"])


def test_tables_need_two_agencies():
    with pytest.raises(ConfigError) as refused:
        disclosure().check(["bkkbn", "dinkes", "kemensos"])
    assert refused.value.code == "agreement.tables_of_two"


def test_an_agreement_with_tables_reads_as_it_was_written(tmp_path):
    homes = Federation(tmp_path / "f", sizes=(2, 2)).homes
    agreed = agreed_on(homes, disclosure=disclosure(noise_scale=3))
    assert Agreement.from_toml(agreed.to_toml()) == agreed
    assert Agreement.from_bytes(agreed.to_bytes()) == agreed
    total = agreed_on(homes, disclosure=disclosure(strata=(), publish=((),)))
    assert Agreement.from_toml(total.to_toml()) == total
    assert tables.cells_of(total) == [{}]


def test_the_largest_allowed_tables_fit_into_a_message(tmp_path):
    """The bound on cells is one on bytes, too."""
    homes = Federation(tmp_path / "f", sizes=(2, 2)).homes
    places = PLACE.model_copy(update={"values": tuple(f"64{at:04}" for at in range(1, 480))})
    agreed = agreed_on(homes, disclosure=disclosure(strata=(places, DESIL)))
    made = [
        Count(agencies=("bkkbn", "kemensos"), stratum=stratum, value=1_073_741_820)
        for stratum in tables.cells_of(agreed)
    ]
    assert 2_000 < len(made) <= limits.MAX_COUNTS
    size = len(canonical.dumps([each.model_dump(mode="json") for each in made]))
    assert size <= limits.MAX_TABLE_BYTES
