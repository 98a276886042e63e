"""Schema: what is encoded and how. Both parties use the same one; its digest says so.

>>> Schema.load("indonesia").token_kinds
('nik', 'nik15')
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ValidationError

from pprl.errors import ConfigError
from pprl.normalise.fingerprint import fingerprint
from pprl.schema.clkhash import ClkhashFile
from pprl.schema.native import NativeFile
from pprl.schema.problems import refusal

if TYPE_CHECKING:
    import datetime as dt

    from pprl.keys import LinkageKey
    from pprl.schema.feature import BlockPass, Feature, TokenKind
    from pprl.schema.native import Scheme

BUILT_IN = (
    "indonesia",
    "indonesia-hardened",
    "indonesia-hardened-high",
    "indonesia-tokens",
    "indonesia-blocked",
    "indonesia-hardened-blocked",
)
Model = TypeVar("Model", bound=BaseModel)
_OUT_OF_BOUNDS = "nested too deeply, or a number of too many digits"
_HASHES = {"SHA256": hashes.SHA256, "SHA512": hashes.SHA512}


@dataclass(frozen=True)
class Schema:
    """A validated schema, native or clkhash's.

    Attributes
    ----------
    name
        Of the schema; ``clkhash`` for a clkhash linkage schema.
    scheme
        ``clk``: Bloom filters; ``hardened``: XOR of majorities; ``tokens``: no filter.
    bits
        Length of the filter in bits, after folding.
    xor_folds
        How often the filter is folded in half.
    features
        The fields, in the order of the file.
    tokens
        The exact tokens, in the order in which they are tried.
    blocks
        The blocking passes, of which two records must share one to be compared; none: all pairs.
    digest
        SHA-256, hex, of the canonical content and, for a native schema, of the normalisation
        rules: two files with the same digest are comparable.
    text
        The file as it was written.
    dates_until
        The last day that a date can mean; None for a clkhash schema, which reads no dates itself.
    kappa
        Hash families of a hardened filter; None for other schemes.
    """

    name: str
    scheme: Scheme
    bits: int
    xor_folds: int
    features: tuple[Feature, ...]
    tokens: tuple[TokenKind, ...]
    digest: str
    text: str = field(repr=False)
    dates_until: dt.date | None = None
    kappa: int | None = None
    blocks: tuple[BlockPass, ...] = ()
    _clkhash: ClkhashFile | None = field(default=None, repr=False)

    @property
    def token_kinds(self) -> tuple[str, ...]:
        """Kinds of the exact tokens, strongest first."""
        return tuple(token.kind for token in self.tokens)

    @property
    def block_passes(self) -> tuple[str, ...]:
        """Names of the blocking passes, in order."""
        return tuple(block.name for block in self.blocks)

    @property
    def is_clkhash(self) -> bool:
        """Whether this is a clkhash linkage schema."""
        return self._clkhash is not None

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Read a schema: the name of a built-in one, a ``.toml`` file or a clkhash ``.json`` file.

        Raises
        ------
        ConfigError
            No such schema, or something in it is wrong; the message names the place.
        """
        if str(source) in BUILT_IN:
            text = files("pprl").joinpath("schema", "builtin", f"{source}.toml").read_text("utf-8")
            return cls.from_toml(text, path=f"{source}.toml")
        path = Path(source)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise ConfigError(
                "schema.missing", path=str(path), built_in=", ".join(BUILT_IN)
            ) from None
        except (OSError, UnicodeDecodeError):
            raise ConfigError("schema.unreadable", path=str(path)) from None
        if path.suffix.lower() == ".json" or text.lstrip().startswith("{"):
            return cls.from_clkhash(text, path=str(path))
        return cls.from_toml(text, path=str(path))

    @classmethod
    def from_toml(cls, text: str, *, path: str = "the schema") -> Self:
        """Read a native schema from TOML text."""
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError("schema.not_toml", path=path, problem=str(error)) from None
        except (ValueError, RecursionError):
            raise ConfigError("schema.not_toml", path=path, problem=_OUT_OF_BOUNDS) from None
        parsed = _checked(NativeFile, content, path)
        return cls(
            name=parsed.name,
            scheme=parsed.filter.scheme,
            bits=parsed.filter.bits,
            xor_folds=0,
            features=tuple(part.plain() for part in parsed.fields),
            tokens=tuple(part.plain() for part in parsed.tokens),
            digest=_digest(parsed, fingerprint()),
            text=text,
            dates_until=parsed.dates_until,
            kappa=parsed.filter.kappa,
            blocks=tuple(part.plain() for part in parsed.blocks),
        )

    @classmethod
    def from_clkhash(cls, text: str, *, path: str = "the schema") -> Self:
        """Read a clkhash linkage schema, version 3, from JSON text."""
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(
                "schema.not_json", path=path, line=error.lineno, problem=error.msg
            ) from None
        except (ValueError, RecursionError):
            raise ConfigError(
                "schema.not_json", path=path, line=1, problem=_OUT_OF_BOUNDS
            ) from None
        parsed = _checked(ClkhashFile, content, path)
        return cls(
            name="clkhash",
            scheme="clk",
            bits=parsed.clk_config.l,
            xor_folds=parsed.clk_config.xor_folds,
            features=tuple(
                feature for part in parsed.features if (feature := part.plain()) is not None
            ),
            tokens=(),
            digest=_digest(parsed),
            text=text,
            _clkhash=parsed,
        )

    def field_keys(self, key: LinkageKey) -> tuple[tuple[bytes, bytes], ...]:
        """Return two hash keys per feature.

        Native: HKDF per field name, ``clk/NAME`` (64 bytes, one key). clkhash: one HKDF output
        over all columns, ignored ones counted, cut into two keys per column.
        """
        if self._clkhash is None:
            return tuple((key.derive(f"clk/{one.name}", 64), b"") for one in self.features)
        config = self._clkhash
        kdf = config.clk_config.kdf
        stream = HKDF(
            algorithm=_HASHES[kdf.hash](),
            length=2 * len(config.features) * kdf.key_size,
            salt=kdf.decoded(kdf.salt),
            info=kdf.decoded(kdf.info),
        ).derive(key.secret)
        cut = [stream[i : i + kdf.key_size] for i in range(0, len(stream), kdf.key_size)]
        return tuple(
            (cut[2 * i], cut[2 * i + 1])
            for i, part in enumerate(config.features)
            if part.plain() is not None
        )


def _checked(model: type[Model], content: object, path: str) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise refusal(path, error, model) from None


def _digest(parsed: BaseModel, normalisation: str | None = None) -> str:
    """SHA-256 over canonical JSON of the whole content.

    What says the default is as good as left out, so that keys which a later version knows change no
    digest of a schema without them. A default never changes within one format.
    """
    content = parsed.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return hashlib.sha256(rfc8785.dumps([content, normalisation])).hexdigest()
