"""Random numbers that depend on what they are for, not on when they are asked for.

Every draw is a hash of (seed, what it is about, slot), so a row of a register can be made again
without the rows before it: chunks and threads don't change a byte. The mixing function is the
finaliser of SplitMix64 (Steele, Lea, Flood 2014). Nothing here is cryptography: these numbers make
up persons and never protect one.

>>> import numpy as np
>>> key = np.uint64(stream(np.uint64(7), 1, 0))
>>> sorted(permuted(key, i, 5) for i in range(5))
[0, 1, 2, 3, 4]
"""

import math
from typing import cast

import numpy as np

from pprl._jit import compiled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_U27 = np.uint64(27)
_U30 = np.uint64(30)
_U31 = np.uint64(31)
_U32 = np.uint64(32)
_U11 = np.uint64(11)
_UNIT = 1.0 / (1 << 53)
_ROUNDS = 3


def numbers(first: int, count: int) -> tuple[int, ...]:
    """Return ``count`` topics or slots from ``first`` on, for the constants of a module.

    They are NumPy integers: a kernel is compiled once for these, and once for each plain one.
    """
    return tuple(cast("int", np.int64(number)) for number in range(first, first + count))


@compiled
def mix(value: np.uint64) -> np.uint64:
    """Return ``value`` with its 64 bits mixed well (a bijection)."""
    value = (value ^ (value >> _U30)) * _FIRST
    value = (value ^ (value >> _U27)) * _SECOND
    return value ^ (value >> _U31)


@compiled
def stream(seed: np.uint64, topic: int, index: int) -> np.uint64:
    """Return the key of the draws about item ``index`` of ``topic``."""
    return mix(mix(seed + np.uint64(topic) * _GOLDEN) + np.uint64(index) * _GOLDEN)


@compiled
def draw(key: np.uint64, slot: int) -> np.uint64:
    """Return 64 random bits for ``slot``."""
    return mix(key + np.uint64(slot + 1) * _GOLDEN)


@compiled
def uniform(key: np.uint64, slot: int) -> float:
    """Return a number in [0, 1) for ``slot``."""
    return float(draw(key, slot) >> _U11) * _UNIT


@compiled
def below(key: np.uint64, slot: int, bound: int) -> int:
    """Return a whole number in [0, bound) for ``slot``; ``bound`` is below 2^32."""
    # Without int64 it stays unsigned, and unsigned with signed makes a float in a kernel.
    return int(np.int64(((draw(key, slot) >> _U32) * np.uint64(bound)) >> _U32))


@compiled
def permuted(key: np.uint64, index: int, size: int) -> int:
    """Return where ``index`` goes in a random order of ``size`` items.

    A Feistel network over a rectangle just larger than ``size``, walked again while it lands
    outside (Black, Rogaway 2002): a bijection on [0, size) that needs no memory.
    """
    width = math.ceil(math.sqrt(size))
    height = (size + width - 1) // width
    value = index
    while True:
        left = value % width
        right = value // width
        for turn in range(_ROUNDS):
            left = (left + below(key, 8 * right + 2 * turn, width)) % width
            right = (right + below(key, 8 * left + 2 * turn + 1, height)) % height
        value = left + width * right
        if value < size:
            return value
