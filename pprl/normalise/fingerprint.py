"""One number for the whole of normalisation, so that agencies who differ in it find out.

Two files whose names were normalised by different rules look alike and match badly. The
fingerprint goes into the digest of every native schema, and files of different digests are never
compared.

>>> len(fingerprint())
64
"""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files

import rfc8785

VERSION = 1
"""Counts changes of the code that reads the tables, where they change what comes out."""

TABLES = ("dates", "name_rules", "nik", "sex")


def fingerprint() -> str:
    """Return SHA-256, hex, of the content of the rule tables and the version of their reader."""
    folder = files("pprl.normalise").joinpath("tables")
    tables = {
        name: tomllib.loads(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
        for name in TABLES
    }
    # The provinces of these codes decide which NIKs are good.
    codes = folder.joinpath("kecamatan_codes.csv").read_text(encoding="ascii").split()
    content = rfc8785.dumps({"version": VERSION, "tables": tables, "kecamatan_codes": codes})
    return hashlib.sha256(content).hexdigest()
