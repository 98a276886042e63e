"""How often this party had tables made with the same agencies: what makes a home refuse.

Two tables of nearly the same people can give away in their difference what each of them hides. So
the agreement says how many runs with published tables the same agencies may have in a period, and
every agency's home keeps a list of them: day, run and agencies. A run is on it from the moment in
which its encodings are about to leave, whatever becomes of it, and stays when the run is purged.
Spec: "Tables".
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pprl.errors import ConfigError
from pprl_protocols import homefiles, limits

if TYPE_CHECKING:
    from pathlib import Path

    from pprl_protocols.agreement import Agreement

FILE = "tables.json"
_MAX_BYTES = limits.MAX_ENVELOPE_BYTES


def check(home: Path, agreement: Agreement, *, today: date) -> None:
    """Refuse a run that would be one too many.

    Parameters
    ----------
    home
        The party's home folder.
    agreement, today
        Of the run; the date.

    Raises
    ------
    ConfigError
        The same agencies had as many runs with tables as agreed: it says when the next may be.
    """
    cap = agreement.disclosure.repeats
    if cap is None:
        return
    since = today - timedelta(days=cap.days)
    days = sorted(
        day for day, run, agencies in _runs(home)
        if agencies == _agencies(agreement) and run != agreement.run and day > since
    )  # fmt: skip
    if len(days) >= cap.runs:
        free = days[len(days) - cap.runs] + timedelta(days=cap.days)
        raise ConfigError("protocol.too_many_tables", runs=cap.runs, days=cap.days, free=str(free))


def note(home: Path, agreement: Agreement, *, today: date) -> None:
    """Put a run on the list; the same again changes nothing.

    Raises
    ------
    ConfigError
        As :func:`check`.
    """
    if agreement.disclosure.repeats is None:
        return
    check(home, agreement, today=today)
    runs = _runs(home)
    if any(run == agreement.run for _, run, _ in runs):
        return
    runs.append((today, agreement.run, _agencies(agreement)))
    listed = [
        {"day": day.isoformat(), "run": run, "agencies": agencies} for day, run, agencies in runs
    ]
    with homefiles.replacing(home / FILE) as file:
        file.write(json.dumps(listed, indent=1).encode())


def _agencies(agreement: Agreement) -> list[str]:
    # By identity, not by name: the same office is the same office.
    return sorted(party.identity for party in agreement.agencies)


def _runs(home: Path) -> list[tuple[date, str, list[str]]]:
    path = home / FILE
    if not path.exists():
        return []
    try:
        listed = json.loads(homefiles.read_private(path, limit=_MAX_BYTES))
        return [
            (date.fromisoformat(each["day"]), str(each["run"]), list(each["agencies"]))
            for each in listed
        ]
    except (ValueError, TypeError, KeyError):
        raise ConfigError("home.damaged", path=str(path)) from None
