"""What may leave: tables of counts in which nobody can be seen.

:mod:`pprl.disclose.counts` counts an overlap and what lies outside it on both sides, by place and
by other dimensions. :mod:`pprl.disclose.suppression` hides small counts, and as many others as it
takes that the margins don't give them away. :mod:`pprl.disclose.attack` is the attacker who checks
that. :mod:`pprl.disclose.noise` adds noise where the agreement asks for it.
"""
