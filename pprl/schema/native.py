"""The project's own schema files: TOML that an analyst can read.

A field takes a column (by its role), says how it is read, cut into tokens and weighted. Keys are
derived from the field's *name*, never its place, so adding a field changes no other.

Example::

    schema = "openpprl/1"
    name = "small"

    [filter]
    scheme = "clk"
    bits = 1024

    [[fields]]
    name = "name_words"
    column = "name"
    read = "words"
    qgrams = 2
    bits_per_token = 8

    [[tokens]]
    kind = "nik"

    [[blocks]]
    pass = "birth_sex"
    of = ["birth_date", "sex"]
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pprl.schema.feature import (
    BitsPerToken,
    BlakeHash,
    BlockPass,
    Comparison,
    Exact,
    Feature,
    QGrams,
    Reading,
    TokenKind,
)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Bits = Annotated[int, Field(ge=1, le=512)]
# The kind personalises BLAKE2b, which has 16 bytes for it.
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")]
BUILT_IN_TOKENS = ("nik", "nik15")
TOKEN_PARTS = ("name", "birth_date", "sex", "district", "regency", "nik")
BLOCK_PARTS = ("name", "birth_date", "sex", "district", "regency")
_TELLING = ("name", "birth_date")
"""A pass without one of these would put a good part of a file into one block."""
MAX_BLOCK_PASSES = 4
_NO_BITS = 64
_NEVER_HARDENED = ("nik", "kk_number", "family_id", "address")
REGION_DIGITS = {"province": 2, "regency": 4, "district": 6, "village": 10}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


Scheme = Literal["clk", "hardened", "tokens"]
Weight = Annotated[int, Field(ge=1, le=7)]
MIN_KAPPA, MAX_KAPPA = 4, 8
_CODED_QGRAMS = 3
_CODED_POSITIONAL = 2


class FilterPart(_Part):
    """Which encoding, and how long; with ``tokens`` there is no filter at all."""

    scheme: Scheme = "clk"
    bits: Literal[64, 256, 512, 1024, 2048, 4096, 8192] = 1024
    kappa: Annotated[int, Field(ge=MIN_KAPPA, le=MAX_KAPPA)] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.scheme == "hardened") != (self.kappa is not None):
            message = 'kappa = 4 or more goes with scheme = "hardened", and the other way round'
            raise ValueError(message)
        if (self.scheme == "tokens") != (self.bits == _NO_BITS):
            message = f'bits = {_NO_BITS} goes with scheme = "tokens", and the other way round'
            raise ValueError(message)
        return self


class FieldPart(_Part):
    """One field of the filter."""

    name: Name
    column: str
    read: Reading = "text"
    qgrams: Annotated[int, Field(ge=1, le=4)] | None = None
    positional: bool = False
    exact: bool = False
    bits_per_token: Bits | None = None
    low_weight_bits: Bits | None = None
    weight: Weight | None = None
    low_weight: Weight | None = None
    level: Literal["province", "regency", "district", "village"] | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.exact == (self.qgrams is not None):
            message = "give either qgrams = N or exact = true"
            raise ValueError(message)
        if self.positional and self.exact:
            message = "positional goes with qgrams"
            raise ValueError(message)
        if self.read == "words" and not 1 <= (self.qgrams or 0) <= (2 if self.positional else 3):
            message = 'read = "words" goes with qgrams of 1 to 3, with positional of 1 or 2'
            raise ValueError(message)
        low = self.low_weight_bits is not None or self.low_weight is not None
        if low and self.read != "words":
            message = 'low_weight_bits and low_weight go with read = "words"'
            raise ValueError(message)
        if (self.read == "region") != (self.level is not None):
            message = 'level = "district" goes with read = "region", and the other way round'
            raise ValueError(message)
        return self

    def plain(self) -> Feature:
        """Return it as the encoder knows it."""
        comparison: Comparison = Exact()
        if self.qgrams is not None:
            comparison = QGrams(self.qgrams, self.positional)
        return Feature(
            name=self.name,
            column=self.column,
            comparison=comparison,
            strategy=BitsPerToken(self.bits_per_token or 1, self.low_weight_bits),
            hashing=BlakeHash(),
            reading=self.read,
            region_digits=REGION_DIGITS[self.level] if self.level else 0,
            optional=self.optional,
            weight=self.weight or 1,
            low_weight=self.low_weight,
        )

    def refuse(self, scheme: Scheme) -> None:
        """Refuse what a scheme doesn't know.

        Raises
        ------
        ValueError
            It says what.
        """
        if scheme == "clk":
            if self.bits_per_token is None:
                message = f"{self.name} needs bits_per_token"
                raise ValueError(message)
            if self.weight is not None or self.low_weight is not None:
                message = f'{self.name}: weight goes with scheme = "hardened"'
                raise ValueError(message)
            return
        if self.bits_per_token is not None or self.low_weight_bits is not None:
            message = f'{self.name}: bits_per_token goes with scheme = "clk"; give it a weight'
            raise ValueError(message)
        if self.low_weight is not None and self.low_weight > (self.weight or 1):
            message = f"{self.name}: low_weight is at most weight"
            raise ValueError(message)
        if self.column in _NEVER_HARDENED:
            message = f"{self.name}: {self.column} never goes into a hardened filter"
            raise ValueError(message)
        if self.exact and self.read not in {"sex", "region"}:
            message = f'{self.name}: exact goes with read = "sex" or "region" here'
            raise ValueError(message)
        most = _CODED_POSITIONAL if self.positional else _CODED_QGRAMS
        if (self.qgrams or 1) > most:
            message = f"{self.name}: qgrams of {most} at most here"
            raise ValueError(message)


class TokenPart(_Part):
    """One exact token: the NIK, its first 15 digits, or a combination of normalised fields."""

    kind: Kind
    of: Annotated[list[str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.of is None:
            if self.kind not in BUILT_IN_TOKENS:
                message = f"{self.kind} needs of = [...], the fields it combines"
                raise ValueError(message)
        elif self.kind in BUILT_IN_TOKENS:
            message = f"{self.kind} is built in and takes no of = [...]"
            raise ValueError(message)
        elif unknown := [part for part in self.of if part not in TOKEN_PARTS]:
            message = f"{unknown[0]} can't be part of a token; choose from {', '.join(TOKEN_PARTS)}"
            raise ValueError(message)
        return self

    def plain(self) -> TokenKind:
        """Return it as the encoder knows it."""
        return TokenKind(self.kind, tuple(self.of) if self.of else (self.kind,))


class BlockPart(_Part):
    """One blocking pass: filters are compared where all of its fields are equal."""

    name: Kind = Field(alias="pass")
    of: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if unknown := [part for part in self.of if part not in BLOCK_PARTS]:
            message = f"{unknown[0]} can't be part of a block; choose from {', '.join(BLOCK_PARTS)}"
            raise ValueError(message)
        if len(set(self.of)) != len(self.of):
            message = "of names a field twice"
            raise ValueError(message)
        if not set(self.of) & set(_TELLING):
            message = f"blocks as large as these save nothing; add {' or '.join(_TELLING)}"
            raise ValueError(message)
        return self

    def plain(self) -> BlockPass:
        """Return it as the encoder knows it."""
        return BlockPass(self.name, tuple(self.of))


class NativeFile(_Part):
    """A schema file of this project, version 1.

    ``dates_until`` is the last day that a date can mean: later ones are implausible, and two-digit
    years lie before it. It is part of the schema and not the computer's date, so that the same
    file gives the same encodings on any day.
    """

    format: Literal["openpprl/1"] = Field(alias="schema")
    name: Name
    dates_until: dt.date = dt.date(2029, 12, 31)
    filter: FilterPart = FilterPart()
    fields: Annotated[list[FieldPart], Field(max_length=64)] = []
    tokens: Annotated[list[TokenPart], Field(max_length=16)] = []
    blocks: Annotated[list[BlockPart], Field(max_length=MAX_BLOCK_PASSES)] = []

    @model_validator(mode="after")
    def _fits_scheme(self) -> Self:
        scheme = self.filter.scheme
        if bool(self.fields) == (scheme == "tokens"):
            message = f'scheme = "{scheme}" ' + ("has no fields" if self.fields else "needs fields")
            raise ValueError(message)
        if scheme == "tokens" and not self.tokens:
            message = 'scheme = "tokens" needs tokens'
            raise ValueError(message)
        if self.blocks and scheme == "tokens":
            message = 'blocks go with filters, and scheme = "tokens" has none'
            raise ValueError(message)
        for part in self.fields:
            part.refuse(scheme)
        return self

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what, names in (
            ("fields", [field.name for field in self.fields]),
            ("tokens", [token.kind for token in self.tokens]),
            ("blocks", [block.name for block in self.blocks]),
        ):
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                message = f"two {what} are called {twice[0]}"
                raise ValueError(message)
        return self
