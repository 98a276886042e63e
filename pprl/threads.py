"""Work on plain threads: compiled kernels and NumPy let go of the interpreter while they compute.

>>> list(in_order((lambda n=n: n * n for n in range(4)), threads=2))
[0, 1, 4, 9]
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from pprl.limits import available_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

Result = TypeVar("Result")

_AHEAD = 2  # pieces waiting for each thread


def in_order(work: Iterable[Callable[[], Result]], threads: int | None = None) -> Iterator[Result]:
    """Run work on threads, a little ahead of what is taken, and yield what it gives in order.

    Parameters
    ----------
    work
        Asked for piece by piece, in this thread.
    threads
        As many as this process may use when not given.

    Notes
    -----
    Whoever stops taking, or an error in one piece, cancels what hasn't begun; pieces that have
    begun are waited for.
    """
    n_threads = threads or available_threads()
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="pprl")
    try:
        for each in work:
            waiting.append(pool.submit(each))
            if len(waiting) > _AHEAD * n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
