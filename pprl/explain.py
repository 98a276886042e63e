"""Why a pair was accepted or sent to review, in words an analyst can act on.

A sentence says which evidence there was, how often such pairs are right, and for a pair in review
what to look at. It never shows a value of a record.

>>> explain("filter", "accept", 996_000, kind="nik")
'names and birth date agree closely, and there is no NIK on both sides to compare; about 99.6% of \
such pairs are the same person'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pprl.catalogue import text

if TYPE_CHECKING:
    from pprl.catalogue import Language

Band = Literal["accept", "review"]

_PER_MILLE = 1_000
_NOT_ALL = 999
_RARE = 10_000
_FILTERS = ("filter", "contradicted")


def explain(
    tier: str,
    band: Band,
    precision: int | None,
    *,
    kind: str | None,
    blind: bool = False,
    language: Language = "en",
) -> str:
    """Explain one match.

    Parameters
    ----------
    tier
        Its tier: a kind of token, ``filter`` or ``contradicted``.
    band
        Whether it was accepted or sent to review.
    precision
        Chance in millionths that it is right; None if nothing was estimated.
    kind
        The strongest kind of token that both parties have, if any.
    blind
        Whether a record of the pair has no filter.
    language
        Of the sentence.
    """
    if tier in _FILTERS:
        case = "alone" if kind is None else tier
    else:
        case = "blind" if blind else "token"
    name = (tier if tier not in _FILTERS else kind or "").upper()
    sentence = text(f"explain.{band}_{case}", {"kind": name}, language)
    if precision is None:
        return sentence
    if precision < _RARE:
        return sentence + text("explain.precision_rare", {}, language)
    # Rounded down: 99.96% is not "all of them".
    whole, tenth = divmod(min(precision // _PER_MILLE, _NOT_ALL), 10)
    decimal = "," if language == "id" else "."
    return sentence + text("explain.precision", {"percent": f"{whole}{decimal}{tenth}"}, language)
