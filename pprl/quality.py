"""Data quality before encoding: what a register's columns hold and what to mend, never a value.

The file is read once as a stream. What is wrong is counted by reason and, when asked for, listed
by row number and column, so that the analyst finds the cells in the file itself.

>>> from pprl.io.memory import MemorySource
>>> table = {"nik": ["6408995503909901", "123"], "nama": ["Siti", "-"], "jk": ["P", "x"]}
>>> report = check(MemorySource(table), {})
>>> report.niks["LEN_SHORT"], report.names["MISSING"], report.advice
(1, 1, ('nik_unusable', 'name_missing', 'sex_unknown'))
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pprl.buffers import valid
from pprl.encode.hashing import Repeats
from pprl.io.columns import recognise
from pprl.io.rows import RowNumbers
from pprl.normalise.date import DateFlag, DateStatus, normalise_date
from pprl.normalise.name import NameNormaliser, NameStatus
from pprl.normalise.nik import NikFlag, NikStatus, SpreadsheetTally, normalise_nik
from pprl.normalise.sex import normalise_sex
