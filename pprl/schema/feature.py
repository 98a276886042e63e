"""What one feature of a schema means: how text becomes tokens and tokens become bits.

Plain values only. Native schemas (:mod:`pprl.schema.native`) and clkhash linkage schemas
(:mod:`pprl.schema.clkhash`) both come down to these, and :mod:`pprl.encode` knows nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class QGrams:
    """All windows of ``n`` characters, padded with ``n - 1`` spaces on both sides."""

    n: int
    positional: bool = False


@dataclass(frozen=True)
class Exact:
    """The whole value is one token."""


@dataclass(frozen=True)
class Numeric:
    """A number's neighbourhood on a grid: close numbers share tokens (Vatsalan, Christen 2016).

    ``interval`` is the threshold distance in units of ``10**-precision``.
    """

    interval: int
    resolution: int
    precision: int


Comparison = QGrams | Exact | Numeric


@dataclass(frozen=True)
class BitsPerToken:
    """Every token sets the same number of bits; ``low`` for tokens of low weight."""

    bits: int
    low: int | None = None


@dataclass(frozen=True)
class BitsPerFeature:
    """All tokens of a value together set ``bits`` bits, the first ones one more each."""

    bits: int


Strategy = BitsPerToken | BitsPerFeature


@dataclass(frozen=True)
class BlakeHash:
    """Bit positions from keyed BLAKE2b."""


@dataclass(frozen=True)
class DoubleHash:
    """Bit positions a + i*b from HMAC-SHA1 and HMAC-MD5; kept for old partners only."""

    prevent_singularity: bool


Hashing = BlakeHash | DoubleHash

Reading = Literal["words", "joined", "date", "sex", "region", "text", "digits", "raw"]
"""How a native field reads its column; ``raw`` leaves the text as it is."""


@dataclass(frozen=True)
class Format:
    """What a clkhash feature allows and how it is written before tokenising."""

    kind: Literal["string", "integer", "date", "enum"] = "string"
    encoding: str = "utf-8"
    date_format: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    case: str | None = None
    pattern: str | None = None
    values: frozenset[str] | None = None
    missing_sentinel: str | None = None
    missing_replacement: str | None = None


@dataclass(frozen=True)
class Feature:
    """One field of the filter.

    Attributes
    ----------
    name
        Unique in its schema; native keys are derived from it.
    column
        The role (``name``, ``birth_date``) or column the text comes from.
    reading
        How the text is normalised; ``raw`` for clkhash features.
    optional
        A file without the column is accepted; the feature then sets no bits.
    weight, low_weight
        Of a q-gram in a hardened filter; ``low_weight`` of one that only words of low weight have.
    """

    name: str
    column: str
    comparison: Comparison
    strategy: Strategy
    hashing: Hashing
    reading: Reading = "raw"
    region_digits: int = 0
    optional: bool = False
    format: Format = Format()
    weight: int = 1
    low_weight: int | None = None


@dataclass(frozen=True)
class TokenKind:
    """An exact keyed token: its kind and the normalised fields it is made of, in order."""

    kind: str
    of: tuple[str, ...]


@dataclass(frozen=True)
class BlockPass:
    """A blocking pass: its name and the normalised fields that two records must share, in order."""

    name: str
    of: tuple[str, ...]
