"""Which scheme a draft proposes for its coordinator, and what people are told about it."""

import datetime as dt
import tomllib

import pytest

from pprl.catalogue import text
from pprl.errors import ConfigError
from pprl.schema import Schema
from pprl_cli.agreement_shown import scheme_of
from pprl_protocols.agreement import Agreement
from pprl_protocols.draft import Answers, Template, draft

TODAY = dt.date(2026, 3, 2)


@pytest.fixture
def drafted(agreement):
    """Draft from the template, with the parties of the tests and some answers."""

    def make(**more):
        names = [party.name for party in agreement.agencies]
        answers = Answers(
            purpose="a test", legal_basis="a test", dpia="none",
            valid_until=TODAY + dt.timedelta(30), population=dict.fromkeys(names, "Kutai Timur"),
            max_records=dict.fromkeys(names, 1_000), **more,
        )  # fmt: skip
        return draft(Template.load("krs-desil"), agreement.parties, answers, today=TODAY)

    return make


@pytest.mark.parametrize(
    ("answer", "declared", "scheme"),
    [(None, True, "hardened"), (True, True, "hardened"), (False, False, "clk")],
)
def test_a_draft_proposes_the_scheme_for_what_the_coordinator_holds(
    drafted, answer, declared, scheme
):
    made = drafted(coordinator_may_hold_register=answer)
    assert made.coordinator_may_hold_register is declared
    assert made.read_schema().scheme == scheme


def test_another_schema_may_be_agreed_on_and_the_declaration_stays(drafted, tmp_path):
    assert drafted(schema="indonesia-tokens").read_schema().scheme == "tokens"
    path = tmp_path / "own.toml"
    path.write_text(Schema.load("indonesia").text.replace('"indonesia"', '"own"'))
    made = drafted(schema=str(path))
    assert (made.read_schema().name, made.coordinator_may_hold_register) == ("own", True)
    with pytest.raises(ConfigError) as refused:
        drafted(schema="no-such-schema")
    assert refused.value.code == "schema.missing"


@pytest.mark.parametrize("declared", [True, False])
def test_the_declaration_is_signed_and_survives_both_forms(drafted, declared):
    made = drafted(coordinator_may_hold_register=declared)
    other = made.model_copy(update={"coordinator_may_hold_register": not declared})
    assert made.digest != other.digest
    assert Agreement.from_toml(made.to_toml()) == made
    assert Agreement.from_bytes(made.to_bytes()) == made
    assert tomllib.loads(made.to_toml())["coordinator_may_hold_register"] is declared


def test_an_agreement_that_says_nothing_of_its_coordinator_counts_as_may_hold(drafted):
    lines = drafted(coordinator_may_hold_register=False).to_toml().splitlines()
    silent = [line for line in lines if not line.startswith("coordinator_may_hold_register")]
    assert len(silent) == len(lines) - 1
    assert Agreement.from_toml("\n".join(silent)).coordinator_may_hold_register is True


def test_people_are_told_why_for_every_scheme_and_coordinator(drafted):
    said = {}
    for name in ("indonesia", "indonesia-hardened", "indonesia-tokens"):
        for declared in (True, False):
            made = drafted(coordinator_may_hold_register=declared, schema=name)
            said[name, declared] = scheme_of(made)
            assert made.read_schema().name in said[name, declared]
    assert len(set(said.values())) == len(said)
    assert [key for key, line in said.items() if "WARNING" in line] == [("indonesia", True)]
    for scheme in ("clk", "hardened", "tokens"):
        for beside in ("register", "none"):
            code = f"agreement.scheme_{scheme}_{beside}"
            texts = [text(code, {"schema": "x"}, language) for language in ("en", "id")]
            assert texts[0] != texts[1]
