"""A run over registers as offices have them: families in rows on one side, other headers."""

import pytest

from pprl.errors import ConfigError
from pprl.interventions.assign import assign
from pprl.interventions.matched import with_matches
from pprl.interventions.rules import load_rules
from pprl.io.source import open_source
from pprl.lab.families.simulate import simulate_families
from pprl.registers.profile import load_profile
from pprl.registers.read import read_register
from pprl_cli.turns import as_agreed, resolve_all
from pprl_protocols.agreement import Disclosure, ReleasedAttribute
from pprl_protocols.roles import agency
from tests.protocol.federation import Federation

REGISTERS = {"bkkbn": "krs", "kemensos": "dtsen"}


def released(*names, by="kemensos", to="bkkbn"):
    attributes = [
        ReleasedAttribute(**{"from": by, "to": to, "name": name, "bytes": 8}) for name in names
    ]
    return Disclosure(mode="link", minimum_cell=10, attributes=tuple(attributes), families=True)


def federation_of(folder, disclosure, **options):
    federation = Federation(folder, disclosure=disclosure)
    made = simulate_families(
        folder / "families", krs=200, dtsen=300, damage="clean", seed=4, **options
    )
    return federation, made


def prepared(federation, made, name):
    session = federation.session(name)
    source = open_source(made.paths[REGISTERS[name]])
    source, mapping = as_agreed(session, source, REGISTERS[name], None, {})
    return session, source, *resolve_all(session, source, mapping, None)


@pytest.mark.parametrize("varied", [False, True])
def test_a_register_with_a_row_for_each_family_goes_through_a_run_to_its_rules(tmp_path, varied):
    federation, made = federation_of(
        tmp_path / "f", released("desil", "sembako"), krs_layout="family", varied_headers=varied
    )
    federation.sign()
    for name in federation.agencies:
        session, source, columns, beside = prepared(federation, made, name)
        assert set(beside.attributes) == ({"desil", "sembako"} if name == "kemensos" else set())
        summary = agency.encode(session, source, columns, beside, threads=1)
        assert summary.records == made.counts[REGISTERS[name]].records
    federation.link()
    overlap = federation.receive("bkkbn")
    krs = read_register(open_source(made.paths["krs"]), load_profile("krs"), day=made.as_of)
    families = with_matches(krs.families, krs.members, overlap)
    matched = families.column("match_status").to_pylist().count("matched")
    assert matched > 0.8 * made.common
    assert 0 < families.column("desil").null_count < 200 - 0.8 * made.common + 1
    done = assign(families, krs.members, load_rules(), day=made.as_of)
    assert {"R02", "R10", "R18"} <= set(done.table.column("rule").to_pylist())


def test_an_attribute_that_the_profile_doesnt_allow_isnt_released(tmp_path):
    federation, made = federation_of(tmp_path / "f", released("nama_lengkap"))
    with pytest.raises(ConfigError) as refused:
        prepared(federation, made, "kemensos")
    assert refused.value.code == "register.not_for_release"
