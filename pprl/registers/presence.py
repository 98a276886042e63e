"""What it says to stand in another register, or not to: pupils, recipients.

Dapodik and EMIS list who goes to school. After a run with both, a child of school age whom neither
knows is out of school; a child whose match waits for review is neither. A profile says what it
means to stand in its register (``[presence]``), and for whom not standing there means no: at some
ages, or for everybody. Outside the area that a register covers, not standing there says nothing.

>>> import pyarrow as pa
>>> from pprl.registers.profile import load_profile
>>> members = pa.table({"member": ["1", "2", "3", "4"], "age": [9, 9, 9, 3],
...                     "in_school": [None, True, True, None]})
>>> schools = [load_profile("dapodik"), load_profile("emis")]
>>> with_presence(members, schools, found=["1"], undecided=["3"]).column("in_school").to_pylist()
[True, False, None, None]
>>> families = pa.table({"family": ["F1", "F2"]})
>>> members = pa.table({"family": ["F1", "F1", "F2"], "member": ["1", "2", "3"]})
>>> insured = [load_profile("pbi_jkn")]
>>> told = with_family_presence(families, members, insured, found=["2"])
>>> told.column("pbi_jk").to_pylist()
[True, False]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from pprl.registers.profile import Presence, Profile

    Flags: TypeAlias = NDArray[np.bool_]


def with_presence(
    members: pa.Table,
    profiles: Sequence[Profile],
    *,
    found: Collection[str],
    undecided: Collection[str] = (),
    covered: Flags | None = None,
) -> pa.Table:
    """Return members with what their standing in other registers says.

    Parameters
    ----------
    members
        ``member``, ``age``; the column in question where it is known already.
    profiles
        Of registers that together list everybody of whom the fact is true.
    found
        Ids of members who were found in one of them.
    undecided
        Ids of members whose match in one of them waits for review; those found in another count
        as found.
    covered : bool (members,)
        Who lives where all these registers list people; None: everybody.

    Raises
    ------
    ConfigError
        The profiles don't say the same thing of members.
    """
    presence = common(profiles)
    ids = members.column("member")
    ages = members.column("age")
    if presence.complete:
        asked = np.ones(len(members), np.bool_)
    else:
        lowest, highest = presence.ages or (1, 0)
        right = pc.and_(pc.greater_equal(ages, lowest), pc.less_equal(ages, highest))
        asked = np.asarray(pc.fill_null(right, False), np.bool_)  # noqa: FBT003 - Arrow's own
    if covered is not None:
        asked &= covered
    return _with(members, presence.column, asked, _is(ids, found), _is(ids, undecided))


def with_family_presence(
    families: pa.Table,
    members: pa.Table,
    profiles: Sequence[Profile],
    *,
    found: Collection[str],
    undecided: Collection[str] = (),
    covered: Flags | None = None,
) -> pa.Table:
    """Return families with what it says that one of their members stands in a register, or none.

    Parameters
    ----------
    families
        ``family``; the column in question where it is known already.
    members
        ``family`` and ``member``. A family of which no member is known is left as it is.
    profiles, found, undecided
        As for :func:`with_presence`.
    covered : bool (families,)
        Families that live where all these registers list people; None: all.

    Raises
    ------
    ConfigError
        The profiles don't say the same thing of families.
    """
    presence = common(profiles)
    own, ids = families.column("family"), members.column("member")

    def holds(which: Flags) -> Flags:
        return _is(own, members.column("family").filter(pa.array(which)))

    asked = holds(np.ones(len(members), np.bool_))
    asked &= presence.complete
    if covered is not None:
        asked &= covered
    stands, open_ = holds(_is(ids, found)), holds(_is(ids, undecided))
    return _with(families, presence.column, asked, stands, open_)


def _is(ids: pa.ChunkedArray, wanted: Collection[str] | pa.ChunkedArray) -> Flags:
    values = wanted if isinstance(wanted, pa.ChunkedArray) else pa.array(sorted(wanted))
    flags: Flags = np.asarray(pc.is_in(ids, value_set=values.cast(pa.string())), np.bool_)
    return flags


def _with(table: pa.Table, column: str, asked: Flags, stands: Flags, open_: Flags) -> pa.Table:
    """Fill in yes, no, or not known; where nothing is said, what was known before."""
    known = column in table.column_names
    before = table.column(column) if known else pa.nulls(len(table), pa.bool_())
    if pa.types.is_null(before.type):
        before = pc.cast(before, pa.bool_())
    unknown = pa.scalar(None, pa.bool_())
    values = pc.if_else(pa.array(asked & ~open_), False, before)  # noqa: FBT003 - Arrow's own
    values = pc.if_else(pa.array(asked & open_), unknown, values)
    values = pc.if_else(pa.array(stands), True, values)  # noqa: FBT003 - Arrow's own
    if known:
        return table.set_column(table.column_names.index(column), column, values)
    return table.append_column(column, values)


def common(profiles: Sequence[Profile]) -> Presence:
    """Return what all the registers say of whoever stands in them.

    Raises
    ------
    ConfigError
        They don't say the same.
    """
    said = [each.presence for each in profiles]
    first = said[0] if said else None
    if first is None or any(each != first for each in said):
        raise ConfigError("register.presence", names=", ".join(each.name for each in profiles))
    return first
