"""Thresholds without labels: how similar two records must be, found in the data themselves.

The null, how often two different people look alike, comes from inside each file
(:mod:`pprl.decide.threshold.sampling`); :mod:`pprl.decide.threshold.mixture` splits what was found
between the files into that null and matches; :mod:`pprl.decide.threshold.selection` says how much
of the null survives one-to-one assignment; :mod:`pprl.decide.threshold.choice` picks the bars for
a target. :mod:`pprl.decide.threshold.fitted` says what that means for both files;
:mod:`pprl.decide.threshold.estimate` is the whole. Derivation, assumptions and failure
cases: ``docs/concepts/thresholds.md``.
"""
