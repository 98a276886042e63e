"""How alike two bit filters are.

:mod:`pprl.compare.measure` says what is accepted, in integers; :mod:`pprl.compare.reference` is
the definition in a few lines of NumPy; :mod:`pprl.compare.kernels` is the fast way to the same
answer on the filters that :mod:`pprl.compare.packing` lays out. Which pairs are looked at is
:mod:`pprl.candidates`; which of them are matches is :mod:`pprl.decide`.
"""
