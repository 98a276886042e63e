"""The rule table: every rule does what its example says, and a broken table is refused."""

from pathlib import Path

import pytest

import pprl.normalise
from pprl.errors import ConfigError
from pprl.normalise.lexicon import Lexicon
from pprl.normalise.name import NameNormaliser, normalise_name
from pprl.normalise.name_rules import default_name_rules, load_name_rules

RULES = default_name_rules()
TABLE = Path(pprl.normalise.__path__[0]) / "tables" / "name_rules.toml"


def test_there_are_34_rules_in_order():
    assert [rule.id for rule in RULES.rule_list] == [f"N{i:02}" for i in range(1, 35)]


@pytest.mark.parametrize("rule", RULES.rule_list, ids=lambda rule: rule.id)
def test_a_rule_alone_does_what_its_example_says(rule):
    strength = "key" if rule.strength == "clean" else rule.strength
    assert normalise_name(rule.before, strength, RULES.only(rule.id)).text == rule.after


@pytest.mark.parametrize("rule", RULES.rule_list, ids=lambda rule: rule.id)
def test_a_rule_is_needed_for_its_example(rule):
    """Nothing but this rule makes the example come out."""
    if rule.strength == "clean" or any(
        step.do in ("structure", "low_weight") for step in rule.step
    ):
        return
    assert normalise_name(rule.before, rule.strength, RULES.only()).text != rule.after


def test_low_weight_words_come_from_the_rules():
    assert Lexicon(RULES.only("N34")).low_weight >= {"siti", "muhammad"}
    assert Lexicon(RULES.only("N08")).low_weight >= {"raden", "made"}
    assert not Lexicon(RULES.only("N26")).low_weight


def test_the_measured_price_of_a_rule_is_in_the_table():
    assert RULES.rule("N25").collision_ratio == 1.097


def test_an_agency_may_add_a_title_of_its_own(tmp_path):
    table = tmp_path / "rules.toml"
    text = TABLE.read_text(encoding="utf-8")
    table.write_text(text.replace('"h", "hj",', '"h", "hj", "petinggi",'), encoding="utf-8")
    rules = load_name_rules(table)
    assert normalise_name("Petinggi Budi", rules=rules).text == "budi"
    assert NameNormaliser(rules).words.lexicon.rules == rules


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('do = "separate"', 'do = "explode"', "rule.2.step.0"),
        ('letters = "oe"\nto = "u"', 'letters = "oe"\nto = ""', "rules"),
        ('letters = "x"\nto = "ks"', 'letters = "x"\nto = "xx"', "rules"),
        ('words = ["alias", "als"]', 'words = ["ALIAS"]', "rule.3.step.0.alias.words.0"),
        ('id = "N02"', 'id = "N01"', "rules"),
        ('id = "N02"', 'id = "N02', "TOML"),
    ],
)
def test_a_broken_table_is_refused_with_the_place(tmp_path, old, new, where):
    table = tmp_path / "rules.toml"
    text = TABLE.read_text(encoding="utf-8")
    assert old in text
    table.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_name_rules(table)
    assert caught.value.code == "name_rules.invalid"
    assert caught.value.values["where"] == where


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_name_rules(tmp_path / "none.toml")
    assert caught.value.code == "name_rules.unreadable"
