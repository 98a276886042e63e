import pytest
from pydantic import TypeAdapter, ValidationError

from pprl_protocols import fields


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "a\x1b[2J", "a\u202eb", "a\x00", "a\r", "a\u2028b"]
)
@pytest.mark.parametrize("kind", [fields.Prose, fields.Line, fields.SchemaText])
def test_text_that_a_terminal_would_not_show_as_it_is_is_refused(kind, text):
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


def test_prose_may_have_several_lines_and_a_line_only_one():
    assert TypeAdapter(fields.Prose).validate_python("Pasal 34\n\tUU 27/2022 — é") != ""
    with pytest.raises(ValidationError):
        TypeAdapter(fields.Line).validate_python("one\ntwo")


def test_hexadecimal_texts_end_where_they_end():
    with pytest.raises(ValidationError):
        TypeAdapter(fields.Sha256).validate_python("a" * 64 + "\n")


def test_a_place_repeats_no_name_that_is_not_the_models():
    assert fields.place(("results", "siti", "sealed"), {"results", "sealed"}) == "results[*].sealed"
    assert fields.place(("heads", "siti", "[key]"), {"heads"}) == "heads[*]"
    assert fields.place((), ()) == "[*]"


def test_names_are_ascending_only_without_repeats():
    assert fields.ascending(())
    assert fields.ascending(("a", "b"))
    assert not fields.ascending(("b", "a"))
    assert not fields.ascending(("a", "a"))
