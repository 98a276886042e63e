"""Who needs what from whom: rules over matched families, and the worklists that come of them.

===========================  ===============================================================
:mod:`~.columns`             what a condition may use, as data
:mod:`~.condition`           one SQL expression of a stranger, checked before it is run
:mod:`~.rulefile`            a rule file as it lies on disk
:mod:`~.rules`               the rule tables: default, a district's own, in force on a day
:mod:`~.villages`            the list of priority desa
:mod:`~.inputs`              families and members, checked
:mod:`~.assign`              the rules applied to them
:mod:`~.review`              case numbers, and the decisions of the two offices
:mod:`~.previous`            what is new, kept and ended since the last run
:mod:`~.masking`             NIKs that can't be completed
:mod:`~.layout`              the columns of the lists, and cells of them as text
:mod:`~.worklists`           the folder that is handed over
:mod:`~.folder`              a folder that appears whole or not at all
:mod:`~.reference`           docs/reference/rules.md
===========================  ===============================================================

All of it runs at the owner, on its own register and what was released to it. Nothing here speaks to
another party.
"""
