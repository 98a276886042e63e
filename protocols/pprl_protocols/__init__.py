"""How the parties of a linkage talk: agreement, keys, sealing, messages, transcript.

Stands on :mod:`pprl` and never on the command line. Its modules arrive with the protocol.
"""
