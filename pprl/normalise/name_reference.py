"""One name at a time, the obviously right way.

Interprets the rule table step by step, with plain strings. The kernel in
:mod:`pprl.normalise.name_kernel` gives the same result for whole columns; a property test holds
the two together. Names of more than 200 letters or 32 words come here too, about 60 microseconds
each.

The order is that of the rules: read words (N01-N03), set aliases and ``alm.`` aside (N04), drop
titles (N05) and degrees (N06), split off the father's name (N07), read noble words and
abbreviations (N08-N12), and spell every word as its key (N13-N26). A name that holds a letter of
the Latin alphabet never becomes empty, unless it says that there is none ("TIDAK ADA").

>>> normalise_name("H. Achmad Junaidi, S.Sos").text
'ahmad junaidi'
>>> normalise_name("Moh. Yusuf bin Abd. Rahman").father
('abdurahman',)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

from pprl.normalise.lexicon import (
    MAX_RUN,
    CharClass,
    Lexicon,
    Place,
    WordClass,
    default_lexicon,
    rewrite,
)
from pprl.normalise.name_rules import RewriteStep

if TYPE_CHECKING:
    from pprl.normalise.name_rules import NameRules, Strength


class NameStatus(IntEnum):
    """What became of a name."""

    OK = 0
    MISSING = 1
    LOST = 2
    """There was something, and no letter of the Latin alphabet in it."""


class NameFlag(IntFlag):
    """What else a name said."""

    DECEASED = 1


NO_FLAGS = NameFlag(0)


@dataclass(frozen=True)
class NormalisedName:
    """A name after the rules.

    Attributes
    ----------
    words
        The given name, in its order; the encoder treats it as a bag.
    father
        Words after bin or binti.
    alias
        Words after alias or in brackets.
    status, flags
        What became of it, what else it said.
    forms
        Strength ``similarity`` only: all forms of each word; two words score alike when they
        share one.
    """

    words: tuple[str, ...]
    father: tuple[str, ...] = ()
    alias: tuple[str, ...] = ()
    status: NameStatus = NameStatus.OK
    flags: NameFlag = NO_FLAGS
    forms: tuple[frozenset[str], ...] = ()

    @property
    def text(self) -> str:
        """The words with spaces between."""
        return " ".join(self.words)

    @property
    def joined(self) -> str:
        """The words without spaces (rule N31)."""
        return "".join(self.words)


@dataclass(frozen=True)
class _Piece:
    """A word of a name, and what stood around it."""

    letters: str
    dotted: bool = False
    comma: bool = False
    bracket: bool = False
    place: int = -1


def normalise_name(
    text: str,
    strength: Strength = "key",
    rules: NameRules | None = None,
    *,
    lexicon: Lexicon | None = None,
) -> NormalisedName:
    """Normalise one name.

    Parameters
    ----------
    text
        The name as it was typed.
    strength
        ``clean``: letters and spaces; ``key``: for tokens and filters; ``alternate``: key after
        the unsafe rule N17; ``similarity``: for scoring only.
    rules, lexicon
        Another rule table, or one that is compiled already.
    """
    lexicon = lexicon or (default_lexicon() if rules is None else Lexicon(rules))
    folded = lexicon.fold(text)
    pieces = _read(folded, lexicon)
    if not pieces:
        lost = any(char.isalnum() for char in folded)
        return NormalisedName((), status=NameStatus.LOST if lost else NameStatus.MISSING)
    given, alias, flags = _set_aside(pieces, lexicon)
    given = _drop_degrees(_drop_titles(given, lexicon), lexicon)
    given, father = _split_father(given, lexicon)
    given, father = _expand(given, lexicon), _expand(father, lexicon)
    key = tuple(lexicon.key(piece.letters) for piece in given)
    if key in lexicon.missing:
        return NormalisedName((), status=NameStatus.MISSING)
    if strength == "clean":
        return NormalisedName(tuple(piece.letters for piece in pieces))

    def spell(piece: _Piece) -> str:
        if strength == "alternate":
            return lexicon.key(_old_letters(piece.letters, folded, lexicon))
        return (
            lexicon.soft(piece.letters) if strength == "similarity" else lexicon.key(piece.letters)
        )

    forms = (
        tuple(lexicon.similar(piece.letters) for piece in given) if strength == "similarity" else ()
    )
    return NormalisedName(
        words=tuple(map(spell, given)),
        father=tuple(map(spell, father)),
        alias=tuple(map(spell, alias)),
        flags=flags,
        forms=forms,
    )


def _read(folded: str, lexicon: Lexicon) -> list[_Piece]:
    pieces: list[_Piece] = []
    letters, comma, bracket = "", False, False
    for char in folded + " ":
        kind = lexicon.char_class(char)
        if kind is CharClass.LETTER:
            letters += char
            continue
        if kind is CharClass.DELETED:
            continue
        if letters:
            dotted = kind is CharClass.DOT
            pieces.append(_Piece(letters, dotted, comma, bracket, len(pieces)))
            letters = ""
        if kind is CharClass.COMMA:
            comma = bool(pieces)
        elif kind is CharClass.OPEN:
            bracket = True
        elif kind is CharClass.CLOSE:
            bracket = False
    return pieces


def _run(pieces: list[_Piece], start: int, count: int) -> str:
    """Return neighbours written as one, when dots join them ("S.Pd"); empty when they don't."""
    run = pieces[start : start + count]
    places = [piece.place for piece in run]
    if len(run) < count or places != list(range(places[0], places[0] + count)):
        return ""
    return "".join(p.letters for p in run) if all(p.dotted for p in run[:-1]) else ""


def _set_aside(
    pieces: list[_Piece], lexicon: Lexicon
) -> tuple[list[_Piece], list[_Piece], NameFlag]:
    given: list[_Piece] = []
    alias: list[_Piece] = []
    dead: list[_Piece] = []
    in_alias = False
    i = 0
    while i < len(pieces):
        piece = pieces[i]
        classes = lexicon.classify(piece.letters).classes
        marker = _alias_marker(pieces, i, lexicon)
        if classes & WordClass.DECEASED:
            dead.append(piece)
        elif marker and i + marker < len(pieces) and (given or in_alias or piece.bracket):
            in_alias = True
            i += marker
            continue
        elif in_alias or piece.bracket:
            alias.append(piece)
        else:
            given.append(piece)
        i += 1
    flags = NameFlag.DECEASED if dead else NO_FLAGS
    if given:
        return given, alias, flags
    return alias or dead or pieces, [], flags


def _alias_marker(pieces: list[_Piece], start: int, lexicon: Lexicon) -> int:
    """Return how many words at ``start`` announce an alias."""
    for count in range(MAX_RUN, 0, -1):
        letters = _run(pieces, start, count)
        known = letters and lexicon.exact(letters) & WordClass.RUN_ALIAS
        if known and (count > 1 or pieces[start].dotted):
            return count
    return int(bool(lexicon.classify(pieces[start].letters).classes & WordClass.ALIAS))


def _drop_titles(pieces: list[_Piece], lexicon: Lexicon) -> list[_Piece]:
    while len(pieces) > 1:
        drop = int(bool(lexicon.classify(pieces[0].letters).classes & WordClass.TITLE))
        for count in range(2, min(MAX_RUN, len(pieces) - 1) + 1):
            if lexicon.exact(_run(pieces, 0, count)) & WordClass.RUN_TITLE:
                drop = count
        if not drop:
            break
        pieces = pieces[drop:]
    return pieces


def _drop_degrees(pieces: list[_Piece], lexicon: Lexicon) -> list[_Piece]:
    while len(pieces) > 1:
        drop = int(bool(lexicon.classify(pieces[-1].letters).classes & WordClass.DEGREE))
        for count in range(1, min(MAX_RUN, len(pieces) - 1) + 1):
            start = len(pieces) - count
            tail = pieces[start:]
            if count > 1 and lexicon.exact(_run(pieces, start, count)) & WordClass.RUN_DEGREE:
                drop = count
            letters = "".join(piece.letters for piece in tail)
            commas = all(piece.comma for piece in tail)
            adjacent = tail[-1].place - tail[0].place == count - 1
            if commas and adjacent and lexicon.exact(letters) & WordClass.COMMA_DEGREE:
                drop = count
        if not drop:
            break
        pieces = pieces[:-drop]
    return pieces


def _split_father(pieces: list[_Piece], lexicon: Lexicon) -> tuple[list[_Piece], list[_Piece]]:
    def marks(piece: _Piece) -> bool:
        return bool(lexicon.classify(piece.letters).classes & WordClass.PATRONYMIC)

    # The B of I.B. (Ida Bagus) is no bin.
    for i in range(max(1, _noble_run(pieces, lexicon)), len(pieces) - 1):
        if marks(pieces[i]):
            rest = pieces[i + 1 :]
            father = [piece for piece in rest if not marks(piece)] or rest
            return _drop_degrees(pieces[:i], lexicon), _drop_titles(father, lexicon)
    return pieces, []


def _expand(pieces: list[_Piece], lexicon: Lexicon) -> list[_Piece]:
    """Read noble words, abbreviations and abdul + word (rules N08 to N12)."""
    pieces, first = _noble(pieces, lexicon)
    done: list[_Piece] = []
    for i, piece in enumerate(pieces):
        entry = lexicon.classify(piece.letters)
        more, alone = i + 1 < len(pieces), len(pieces) == 1
        if i == first and more and entry.classes & WordClass.EXPAND_FIRST:
            done.append(_Piece(entry.expansions[Place.FIRST]))
        elif entry.classes & WordClass.EXPAND_ANY and (
            not alone or entry.classes & WordClass.EXPAND_ALONE
        ):
            done.append(_Piece(entry.expansions[Place.ANY]))
        else:
            done.append(piece)
    joined: list[_Piece] = []
    i = 0
    while i < len(done):
        letters, step = done[i].letters, 1
        joins = lexicon.classify(letters).classes & WordClass.JOIN
        # Abdul R. is Abdul and an initial.
        if joins and i + 1 < len(done) and len(lexicon.key(done[i + 1].letters)) > 1:
            letters, step = letters + done[i + 1].letters, 2
        joined.append(_Piece(letters))
        i += step
    return joined


def _noble(pieces: list[_Piece], lexicon: Lexicon) -> tuple[list[_Piece], int]:
    """Return the words with the noble ones read, and how many of them are noble."""
    pieces = list(pieces)
    i = 0
    while i < len(pieces):
        entry = lexicon.classify(pieces[i].letters)
        more = i + 1 < len(pieces)
        phrase = more and lexicon.phrases.get(
            (lexicon.key(pieces[i].letters), lexicon.key(pieces[i + 1].letters))
        )
        inner = i > 0 and lexicon.classify(pieces[i - 1].letters).classes & WordClass.OPENS
        run = _noble_run(pieces, lexicon) if i == 0 else 0
        if run:
            initials = lexicon.own[_run(pieces, 0, run)]
            pieces[:run] = [_Piece(initials.expansions[Place.RUN])]
        elif phrase:
            pieces[i : i + 2] = [_Piece(phrase)]
        elif i == 0 and more and entry.classes & WordClass.EXPAND_FRONT:
            pieces[i] = _Piece(entry.expansions[Place.FRONT])
        elif inner and more and entry.classes & WordClass.EXPAND_INNER:
            pieces[i] = _Piece(entry.expansions[Place.INNER])
        elif not entry.classes & WordClass.NOBLE:
            break
        i += 1
    return pieces, i


def _noble_run(pieces: list[_Piece], lexicon: Lexicon) -> int:
    for count in range(min(MAX_RUN, len(pieces) - 1), 1, -1):
        if lexicon.exact(_run(pieces, 0, count)) & WordClass.RUN_NOBLE:
            return count
    return 0


def _old_letters(letters: str, name: str, lexicon: Lexicon) -> str:
    for step in lexicon.rules.steps(RewriteStep, "alternate"):
        if not step.when_name or any(old in name for old in step.when_name):
            letters = rewrite(letters, step)
    return letters
