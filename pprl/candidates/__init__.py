"""Which pairs of records are looked at.

:mod:`pprl.candidates.tokens` joins records that share an exact token;
:mod:`pprl.candidates.exhaustive` compares the filters of every pair, up to about 1e12 pairs, and
is the reference for the others; :mod:`pprl.candidates.blocks` compares those of records that share
a key in any pass (:mod:`pprl.candidates.passes`): block tokens of the agencies, or sampled bits of
the filters (:mod:`pprl.candidates.lsh`), for registers of millions. What is finished of that can be
kept on disk (:mod:`pprl.candidates.working`). Pairs are never a table before they are compared: a
generator hands out spans of rows, and only similar pairs are kept.
"""
