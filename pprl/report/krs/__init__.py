"""The report of one run at its owner: families at risk of stunting by desil, as one HTML page.

:mod:`pprl.report.krs.data` says what it is made from and :func:`pprl.report.krs.page.render` makes
it. The page answers first, then says how sure the answer is. It holds counts, names of places and
of institutions; nothing about a single family.
"""
