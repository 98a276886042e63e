"""What a register's encodings would tell, worked out before anything is encoded or sent.

Numbers only: how many records are the only ones with their birth date and sex, how often tokens
repeat, how large the blocks are, which records get no filter. Nothing here names a value or writes
a file. Attacks on encodings, with figures: :mod:`pprl.lab.risk`.
"""

from pprl.quality_risk.assess import Risk, assess
from pprl.quality_risk.spread import Spread

__all__ = ["Risk", "Spread", "assess"]
