"""What each party does when it is its turn: messages built from what the session has seen.

:mod:`pprl_protocols.roles.signing` is everybody's first step; :mod:`pprl_protocols.roles.agency`
encodes and receives; :mod:`pprl_protocols.roles.coordinator` compares and closes. Which step is
possible when is the table of :mod:`pprl_protocols.rules`, never decided here.
"""
