"""Registers as they come from offices: what their columns are, as data, and one way to read them.

=====================  ========================================================================
:mod:`~.profile`       register profiles (``tables/*.toml``): KRS, DTSEN, Dapodik, ...
:mod:`~.words`         what yes, no, relations and schooling are called (``words.toml``)
:mod:`~.slots`         members of a family in columns: head, spouse, children; ``--members``
:mod:`~.recognition`   which column of a file is what
:mod:`~.persons`       a file with one row per family as one row per person
:mod:`~.values`        cells as typed values
:mod:`~.places`        codes of kecamatan and desa, put together
:mod:`~.opened`        a register opened with its profile, for check and encode
:mod:`~.grouping`      rows of families
:mod:`~.read`          families and members, as the rules need them
:mod:`~.presence`      what it says to stand in a register, or not to
:mod:`~.others`        what the registers of other agencies say of own members, after a run
:mod:`~.reference`     docs/reference/registers.md
=====================  ========================================================================

All of it runs at the owner, on its own file. Nothing here speaks to another party, and no error or
note says what a cell holds.
"""
