"""Measure and tune on made-up data: no protocol, no parties, no real persons.

``simulate`` writes registers whose truth is known, ``evaluate`` says how well a link found it.
Nothing here is needed to link real registers.
"""
