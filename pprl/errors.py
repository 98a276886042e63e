"""Every failure the library reports, split by whose fault it is.

An error carries a stable ``code`` and plain ``values``; its sentence and its hint come from the
message catalogue (:mod:`pprl.catalogue`), so that the command line can say it in the user's
language. Values are row numbers, column names, counts and paths. A NIK, a person's name or a key
is never a value.

>>> error = InputError("table.ragged", path="krs.csv", row=17, expected=8, found=7)
>>> error.code, error.exit_code
('table.ragged', 3)
"""

from typing import ClassVar

from pprl import catalogue


class PprlError(Exception):
    """Root of all errors this project raises on purpose.

    Parameters
    ----------
    code
        Key into the message catalogue; stable across versions.
    **values
        What the sentence needs: numbers, column names, paths. Never personal data.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, /, **values: str | int) -> None:
        self.code = code
        self.values = values
        super().__init__(catalogue.text(code, values))

    @property
    def hint(self) -> str:
        """What to do about it, in English; empty when there is nothing to add."""
        return catalogue.hint(self.code, self.values)


class InputError(PprlError):
    """My own data can't be used as it is."""

    exit_code = 3


class ConfigError(PprlError):
    """A schema, a key file or an option is wrong."""

    exit_code = 2


class PeerError(PprlError):
    """Bytes from another party are broken or hostile."""

    exit_code = 4


class LimitError(PprlError):
    """The job doesn't fit the bounds it was given."""

    exit_code = 5


class BackendError(PprlError):
    """An optional part that this job needs isn't installed."""

    exit_code = 6


class WaitingError(PprlError):
    """It is another party's turn."""

    exit_code = 7
