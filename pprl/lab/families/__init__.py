"""Registers of families as they are in one district, with the truth about who is who.

A population of families of Kutai Timur, at risk of stunting (KRS) or not, and the registers that
list them: see :func:`pprl.lab.families.simulate.simulate_families`.
"""
