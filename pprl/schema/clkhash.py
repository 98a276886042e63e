"""Read a clkhash linkage schema (version 3, JSON) so that partners who use clkhash can join.

The bits are those of clkhash 0.18.3, so what clkhash reads is read and what it ignores is refused
rather than silently dropped: ``xorFolds`` is in its published schema, but only ``xor_folds`` has
an effect. Versions 1 and 2 are refused; clkhash itself converts them.

Source: the JSON schema ``linkage-schema-v3`` and the behaviour of clkhash 0.18.3.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pprl.schema.feature import (
    BitsPerFeature,
    BitsPerToken,
    BlakeHash,
    Comparison,
    DoubleHash,
    Exact,
    Feature,
    Format,
    Hashing,
    Numeric,
    QGrams,
    Strategy,
)

HKDF_BLOCKS = 255
BLAKE2B_KEY_BYTES = 64
DIGEST_BYTES = {"SHA256": 32, "SHA512": 64}
# clkhash itself sets no bounds; beyond these a schema is a typing error or an attack on memory.
MAX_BITS = 65_536
MAX_CHARACTERS = 1_000
MAX_DECIMALS = 20
MAX_DISTANCE = 1e15

SafeInteger = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]  # canonical JSON has no more
Positive = Annotated[SafeInteger, Field(ge=1)]
NonNegative = Annotated[SafeInteger, Field(ge=0)]
BitCount = Annotated[int, Field(ge=1, le=MAX_BITS)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Kdf(_Part):
    """How the keys of all features come from the secret."""

    type: Literal["HKDF"]
    hash: Literal["SHA256", "SHA512"] = "SHA256"
    salt: str | None = None
    info: str | None = None
    key_size: Positive = Field(64, alias="keySize")

    @field_validator("salt", "info")
    @classmethod
    def _is_base64(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                message = "should be base64"
                raise ValueError(message) from None
        return value

    def decoded(self, value: str | None) -> bytes | None:
        """Return ``salt`` or ``info`` as bytes."""
        return None if value is None else base64.b64decode(value)


class ClkConfig(_Part):
    """Filter length and key derivation."""

    l: BitCount  # noqa: E741 - the name is clkhash's
    xor_folds: Annotated[int, Field(ge=0, le=MAX_BITS.bit_length() - 1)] = 0
    kdf: Kdf

    @model_validator(mode="before")
    @classmethod
    def _no_ignored_spelling(cls, data: object) -> object:
        if isinstance(data, dict) and "xorFolds" in data:
            message = (
                "clkhash ignores xorFolds and reads only xor_folds, so partners would get"
                " different filters; write xor_folds, or take it out"
            )
            raise ValueError(message)
        return data


class _Described(_Part):
    description: str | None = None


class StringFormat(_Described):
    """Text, with optional bounds."""

    type: Literal["string"]
    encoding: Literal["ascii", "utf-8", "utf-16", "utf-32"] = "utf-8"
    case: Literal["upper", "lower", "mixed"] = "mixed"
    min_length: NonNegative = Field(0, alias="minLength")
    max_length: Positive | None = Field(None, alias="maxLength")
    pattern: str | None = None

    @model_validator(mode="after")
    def _pattern_stands_alone(self) -> Self:
        if self.pattern is not None:
            if self.model_fields_set & {"case", "min_length", "max_length"}:
                message = "pattern goes without case, minLength and maxLength"
                raise ValueError(message)
            try:
                re.compile(self.pattern)
            except re.error:
                message = "pattern should be a regular expression"
                raise ValueError(message) from None
        return self

    def plain(self) -> Format:
        """Return it as the encoder knows it."""
        return Format(
            kind="string",
            encoding=self.encoding,
            case=self.case,
            minimum=self.min_length,
            maximum=self.max_length,
            pattern=self.pattern,
        )


class IntegerFormat(_Described):
    """A whole number."""

    type: Literal["integer"]
    minimum: SafeInteger | None = None
    maximum: SafeInteger | None = None

    def plain(self) -> Format:
        """Return it as the encoder knows it."""
        return Format(kind="integer", minimum=self.minimum, maximum=self.maximum)


class DateFormat(_Described):
    """A date in a ``strptime`` format."""

    type: Literal["date"]
    format: str

    def plain(self) -> Format:
        """Return it as the encoder knows it."""
        return Format(kind="date", date_format=self.format)


class EnumFormat(_Described):
    """One of the listed values."""

    type: Literal["enum"]
    values: list[str]

    def plain(self) -> Format:
        """Return it as the encoder knows it."""
        return Format(kind="enum", values=frozenset(self.values))


class NgramComparison(_Part):
    """Windows of ``n`` characters."""

    type: Literal["ngram"]
    n: Annotated[int, Field(ge=1, le=MAX_CHARACTERS)]
    positional: bool = False

    def plain(self) -> Comparison:
        """Return it as the encoder knows it."""
        return QGrams(self.n, self.positional)


class ExactComparison(_Part):
    """The whole value."""

    type: Literal["exact"]

    def plain(self) -> Comparison:
        """Return it as the encoder knows it."""
        return Exact()


class NumericComparison(_Part):
    """The neighbourhood of a number."""

    type: Literal["numeric"]
    threshold_distance: Annotated[float, Field(gt=0, le=MAX_DISTANCE, strict=False)] = Field(
        alias="thresholdDistance"
    )
    resolution: BitCount
    fractional_precision: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] = 0

    def plain(self) -> Numeric:
        """Return it as the encoder knows it."""
        interval = round(self.threshold_distance * pow(10, self.fractional_precision))
        return Numeric(interval, self.resolution, self.fractional_precision)

    @model_validator(mode="after")
    def _precise_enough(self) -> Self:
        if self.plain().interval == 0:
            message = "fractional_precision is too small for this thresholdDistance"
            raise ValueError(message)
        return self


class BlakeConfig(_Part):
    """BLAKE2b positions."""

    type: Literal["blakeHash"]

    def plain(self) -> Hashing:
        """Return it as the encoder knows it."""
        return BlakeHash()


class DoubleConfig(_Part):
    """HMAC-SHA1 and HMAC-MD5 positions."""

    type: Literal["doubleHash"]
    prevent_singularity: bool = False

    def plain(self) -> Hashing:
        """Return it as the encoder knows it."""
        return DoubleHash(self.prevent_singularity)


class StrategyConfig(_Part):
    """How many bits a token or a feature sets."""

    bits_per_token: BitCount | None = Field(None, alias="bitsPerToken")
    bits_per_feature: BitCount | None = Field(None, alias="bitsPerFeature")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.bits_per_token is None) == (self.bits_per_feature is None):
            message = "give either bitsPerToken or bitsPerFeature"
            raise ValueError(message)
        return self

    def plain(self) -> Strategy:
        """Return it as the encoder knows it."""
        if self.bits_per_token is not None:
            return BitsPerToken(self.bits_per_token)
        return BitsPerFeature(self.bits_per_feature or 0)


class MissingValue(_Part):
    """The text that stands for a missing value, and what to put in its place."""

    sentinel: str
    replace_with: str | None = Field(None, alias="replaceWith")

    @property
    def replacement(self) -> str:
        """What is encoded for a missing value."""
        return self.sentinel if self.replace_with is None else self.replace_with


class HashingConfig(_Part):
    """From text to bits."""

    comparison: Annotated[
        NgramComparison | ExactComparison | NumericComparison, Field(discriminator="type")
    ]
    strategy: StrategyConfig
    hash: Annotated[BlakeConfig | DoubleConfig, Field(discriminator="type")] = BlakeConfig(
        type="blakeHash"
    )
    missing_value: MissingValue | None = Field(None, alias="missingValue")


class FeatureConfig(_Described):
    """One column; an ignored one only keeps its place in the key derivation."""

    identifier: str
    ignored: bool = False
    format: (
        Annotated[
            StringFormat | IntegerFormat | DateFormat | EnumFormat, Field(discriminator="type")
        ]
        | None
    ) = None
    hashing: HashingConfig | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.ignored and (self.format is None or self.hashing is None):
            message = f"feature {self.identifier!r} has no format or no hashing"
            raise ValueError(message)
        if isinstance(self.format, StringFormat) and self.hashing and self.hashing.missing_value:
            try:
                self.hashing.missing_value.replacement.encode(self.format.encoding)
            except UnicodeEncodeError:
                message = f"missingValue has a character that {self.format.encoding} doesn't have"
                raise ValueError(message) from None
        return self

    def plain(self) -> Feature | None:
        """Return the feature as the encoder knows it; None when it is ignored."""
        if self.ignored or self.format is None or self.hashing is None:
            return None
        written = self.format.plain()
        missing = self.hashing.missing_value
        if missing is not None:
            written = Format(
                **{
                    **vars(written),
                    "missing_sentinel": missing.sentinel,
                    "missing_replacement": missing.replacement,
                }
            )
        return Feature(
            name=self.identifier,
            column=self.identifier,
            comparison=self.hashing.comparison.plain(),
            strategy=self.hashing.strategy.plain(),
            hashing=self.hashing.hash.plain(),
            format=written,
        )


class ClkhashFile(_Part):
    """A linkage schema file of clkhash, version 3."""

    version: Literal[3]
    clk_config: ClkConfig = Field(alias="clkConfig")
    features: Annotated[list[FeatureConfig], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _only_version_3(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("version") in {1, 2}:
            message = "this is version 1 or 2; convert it with clkhash (clkutil convert-schema)"
            raise ValueError(message)
        return data

    @model_validator(mode="after")
    def _derivable(self) -> Self:
        kdf = self.clk_config.kdf
        most = HKDF_BLOCKS * DIGEST_BYTES[kdf.hash]
        if 2 * len(self.features) * kdf.key_size > most:
            message = (
                f"{len(self.features)} features with keys of {kdf.key_size} bytes need more than"
                f" the {most} bytes that HKDF-{kdf.hash} gives; use SHA512, a smaller keySize or"
                " fewer columns"
            )
            raise ValueError(message)
        length = self.clk_config.l << self.clk_config.xor_folds
        if length > MAX_BITS:
            message = f"a filter has at most {MAX_BITS} bits before it is folded, not {length}"
            raise ValueError(message)
        for feature in self.features:
            if feature.hashing is None or feature.ignored:
                continue
            if feature.hashing.hash.type == "blakeHash":
                if length & (length - 1):
                    message = f"blakeHash needs a length that is a power of two, not {length}"
                    raise ValueError(message)
                if kdf.key_size > BLAKE2B_KEY_BYTES:
                    message = f"blakeHash takes keys of at most {BLAKE2B_KEY_BYTES} bytes"
                    raise ValueError(message)
        names = [feature.identifier for feature in self.features if not feature.ignored]
        if not names:
            message = "every feature is ignored, so there is nothing to encode"
            raise ValueError(message)
        if len(set(names)) != len(names):
            message = "two features have the same identifier"
            raise ValueError(message)
        return self
