"""Which similar pairs are matches.

:mod:`pprl.decide.tiers` accepts pairs of two parties by the evidence they have, the best evidence
first; :mod:`pprl.decide.assignment` keeps at most one partner a record for two parties;
:mod:`pprl.decide.grouping` makes groups of at most one record a party for three and more.
"""
