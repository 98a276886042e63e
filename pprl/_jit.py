"""The one door to numba: a typed decorator for compiled kernels.

Kernels are compiled on first call and cached beside their module (or in the user's cache folder
when that isn't writable), hold no Python objects and release the GIL, so plain threads run them
side by side. Modules that use it are imported only by the functions that need them: importing
numba costs a third of a second that ``pprl --help`` shouldn't pay.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile ``function`` to machine code on first call, without the GIL."""
    kernel: Callable[Parameters, Result] = numba.njit(cache=True, nogil=True)(function)
    return kernel


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile ``function`` into each kernel that calls it."""
    kernel: Callable[Parameters, Result] = numba.njit(inline="always")(function)
    return kernel
