"""What somebody with a population register can find out from encodings: attacks, measured.

The attacker is the coordinator. It has received one agency's encodings, holds a register of the
same people in the clear, knows the software and the schema, and never the key. A
:class:`~pprl.lab.risk.scene.Scene` holds what it sees and, for the judge alone, the truth; an
attack turns that into a guess for every record. Nothing here is needed to link real registers, and
nothing of it runs on real ones unless its owner does so at home.
"""
