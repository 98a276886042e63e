"""What it says to stand in another register, or not to: pupils, recipients.

Dapodik and EMIS list who goes to school. After a run with both, a child of school age whom neither
knows is out of school; a child whose match waits for review is neither. A profile says what it
means to stand in its register (``[presence]``), and at which ages not standing there means no.

>>> import pyarrow as pa
>>> from pprl.registers.profile import load_profile
>>> members = pa.table({"member": ["1", "2", "3", "4"], "age": [9, 9, 9, 3],
...                     "in_school": [None, True, True, None]})
>>> schools = [load_profile("dapodik"), load_profile("emis")]
>>> with_presence(members, schools, found=["1"], undecided=["3"]).column("in_school").to_pylist()
[True, False, None, None]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pprl.registers.profile import Presence, Profile


def with_presence(
    members: pa.Table,
    profiles: Sequence[Profile],
    *,
    found: Collection[str],
    undecided: Collection[str] = (),
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

    Raises
    ------
    ConfigError
        The profiles don't say the same thing of members.
    """
    presence = _common(profiles)
    ids = members.column("member")
    stands = pc.is_in(ids, pa.array(sorted(found), pa.string()))
    open_ = pc.is_in(ids, pa.array(sorted(undecided), pa.string()))
    known = presence.column in members.column_names
    before = members.column(presence.column) if known else pa.nulls(len(members), pa.bool_())
    if pa.types.is_null(before.type):
        before = pc.cast(before, pa.bool_())
    lowest, highest = presence.ages or (1, 0)
    ages = members.column("age")
    covered = pc.and_(pc.greater_equal(ages, lowest), pc.less_equal(ages, highest))
    covered = pc.fill_null(covered, False)  # noqa: FBT003 - Arrow's own
    absent = pc.if_else(pc.and_not(covered, open_), False, before)  # noqa: FBT003 - Arrow's own
    absent = pc.if_else(pc.and_(covered, open_), None, absent)
    values = pc.if_else(stands, True, absent)  # noqa: FBT003 - Arrow's own
    if known:
        place = members.column_names.index(presence.column)
        return members.set_column(place, presence.column, values)
    return members.append_column(presence.column, values)


def _common(profiles: Sequence[Profile]) -> Presence:
    said = [each.presence for each in profiles]
    first = said[0] if said else None
    if first is None or any(each != first for each in said):
        raise ConfigError("register.presence", names=", ".join(each.name for each in profiles))
    return first
