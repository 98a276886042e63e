"""Bands of sampled bits: blocks that the coordinator reads off the filters of agencies without any.

Locality-sensitive hashing: :func:`choose` finds out which bits and how many bands, and
:class:`Bands` are passes like any other (:mod:`pprl.candidates.passes`). Only for ``clk`` filters.
"""

from pprl.candidates.lsh.bands import Band, BandPlan, Bands, Bucket
from pprl.candidates.lsh.choice import choose
from pprl.candidates.lsh.sampling import pairs_in_bands

__all__ = ["Band", "BandPlan", "Bands", "Bucket", "choose", "pairs_in_bands"]
