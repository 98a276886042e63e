"""Which pairs of records are looked at.

:mod:`pprl.candidates.tokens` joins records that share an exact token;
:mod:`pprl.candidates.exhaustive` compares the filters of every pair, up to about 1e12 pairs, and
is the reference for generators that will come beside it for larger registers: block tokens, and
locality-sensitive hashing of the filters. Pairs are never a table before they are compared: a
generator hands out spans of rows, and only similar pairs are kept.
"""
