"""What families lack and what reaches them: risk factors, desil, programmes, school, work.

All facts are the truth of the population; a register shows the part that it collects. Risk
factors follow from the family where they can (too young, too old, too close, too many), and every
family at risk has one at least. Programmes fill their quota in each desil from those who qualify.

>>> import numpy as np
>>> from pprl.lab.families.homes import make_homes
>>> from pprl.lab.families.people import make_people
>>> seed, homes = np.uint64(7), make_homes(np.uint64(7), 500, at_risk=200)
>>> people = make_people(seed, homes, np.zeros(500, np.int64))
>>> needs = make_needs(seed, homes, people, at_risk=200)
>>> int(needs.desil.min()), int(needs.desil.max())
(1, 10)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.lab.families.draws import FACTS, Draws, quota
from pprl.lab.families.homes import CHILDREN, FIRST_CHILD, SPOUSE
from pprl.lab.families.model import figures
from pprl.lab.names import MALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.families.homes import Homes
    from pprl.lab.families.people import People

NO, YES, UNKNOWN = 0, 1, -1
NO_SCHOOL, SD, SMP, SMA, HIGHER = range(5)

_ROUNDS = 60
_WHICH, _HOUSE, _DESIL, _PKH, _SEMBAKO, _PBI, _PIP, _LOST = range(8)
_SCHOOL, _DIPLOMA, _WORK, _DISABLED, _INSURED, _OTHER_CARD, _MADRASAH = range(16, 23)
_EACH_RISK = 32  # first slot, one for each factor
_CHILDBEARING = (15, 49)


@dataclass(frozen=True)
class Needs:
    """Facts of families (arrays of homes) and persons; -1 is not known or doesn't apply."""

    couple: NDArray[np.int8]  # of childbearing age (PUS)
    pregnant: NDArray[np.int8]
    child_0_23: NDArray[np.int8]
    child_24_59: NDArray[np.int8]
    pregnancies: NDArray[np.int64]
    latrine_ok: NDArray[np.int8]
    water_ok: NDArray[np.int8]
    house_ok: NDArray[np.int8]
    too_young: NDArray[np.int8]
    too_old: NDArray[np.int8]
    too_close: NDArray[np.int8]
    too_many: NDArray[np.int8]
    modern_contraception: NDArray[np.int8]
    desil: NDArray[np.int64]  # 1 to 10
    pkh: NDArray[np.int8]
    sembako: NDArray[np.int8]
    in_school: NDArray[np.int8]  # persons from here on
    madrasah: NDArray[np.int8]
    education: NDArray[np.int8]  # finished
    working: NDArray[np.int8]
    disabled: NDArray[np.int8]
    pbi_jk: NDArray[np.int8]
    jkn_active: NDArray[np.int8]
    pip: NDArray[np.int8]


def make_needs(seed: np.uint64, homes: Homes, people: People, at_risk: int) -> Needs:
    """Decide the facts of all homes, the first ``at_risk`` of which are families at risk."""
    draws, every = Draws(seed, FACTS), np.arange(len(homes.seats))
    risk = every < at_risk
    desil = np.where(
        risk,
        draws.choice(_DESIL, every, figures().desil_krs),
        draws.choice(_DESIL, every, (1.0,) * 10),
    )
    desil += 1
    in_school, education = _schools(draws, people, desil)
    disabled = draws.uniform(_DISABLED, np.arange(people.size)) < figures().persons["disabled"]
    family = _family_facts(draws, every, homes, people, risk)
    reach, persons = figures().reach, np.arange(people.size)
    component = _any_member(
        homes,
        people,
        (people.ages < 7) | (people.ages >= 60) | in_school | disabled,  # noqa: PLR2004 - years, as PKH counts
    )
    component |= homes.pregnant
    pkh = quota(draws.uniform(_PKH, every), component, desil, reach["pkh"])
    queue = draws.uniform(_SEMBAKO, every)
    queue[pkh] *= figures().programmes["sembako_with_pkh"]
    sembako = quota(queue, np.ones(every.size, np.bool_), desil, reach["sembako"])
    pbi_family = quota(
        draws.uniform(_PBI, every), np.ones(every.size, np.bool_), desil, reach["pbi_jk"]
    )
    pbi_jk = pbi_family[people.home] & (
        draws.uniform(_INSURED, persons) < figures().programmes["insured"]
    )
    other = draws.uniform(_OTHER_CARD, persons) < figures().programmes["other_insurance"]
    pupils = in_school & (people.ages >= 6) & (people.ages <= 21)  # noqa: PLR2004 - ages of PIP
    pip = quota(draws.uniform(_PIP, persons), pupils, desil[people.home] * pupils, reach["pip"])
    working = _working(draws, people, in_school)
    children = homes.seats[:, FIRST_CHILD : FIRST_CHILD + CHILDREN].sum(axis=1)
    lost = draws.uniform(_LOST, every) < 0.1  # noqa: PLR2004 - share that ended otherwise
    return Needs(
        **family,
        pregnancies=children + homes.pregnant + lost,
        desil=desil,
        pkh=_flags(pkh),
        sembako=_flags(sembako),
        in_school=_flags(in_school),
        madrasah=_flags(
            in_school & (draws.uniform(_MADRASAH, persons) < figures().persons["madrasah"])
        ),
        education=education,
        working=_flags(working),
        disabled=_flags(disabled),
        pbi_jk=_flags(pbi_jk),
        jkn_active=_flags(pbi_jk | other),
        pip=_flags(pip),
    )


def _flags(facts: NDArray[np.bool_], known: NDArray[np.bool_] | None = None) -> NDArray[np.int8]:
    flags = facts.astype(np.int8)
    return flags if known is None else np.where(known, flags, np.int8(UNKNOWN))


def _any_member(homes: Homes, people: People, facts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found = np.zeros(len(homes.seats), np.bool_)
    found[people.home[facts]] = True
    return found


def _family_facts(
    draws: Draws, every: NDArray[np.int64], homes: Homes, people: People, risk: NDArray[np.bool_]
) -> dict[str, NDArray[np.int8]]:
    wife = people.number[:, SPOUSE]
    married = wife >= 0
    age = np.where(married, people.ages[wife], 0)
    couple = married & (age >= _CHILDBEARING[0]) & (age <= _CHILDBEARING[1])
    child = np.zeros(people.size, np.bool_)
    child[people.number[:, FIRST_CHILD : FIRST_CHILD + CHILDREN][homes.seats[:, 2:8]]] = True
    small = _any_member(homes, people, child & (people.months < 24))  # noqa: PLR2004 - months
    middle = _any_member(
        homes,
        people,
        child & (people.months >= 24) & (people.months < 60),  # noqa: PLR2004 - months
    )
    children = homes.seats[:, FIRST_CHILD : FIRST_CHILD + CHILDREN].sum(axis=1)
    four = {
        "too_young": couple & (age < 20),  # noqa: PLR2004 - years, as BKKBN counts
        "too_old": couple & (age >= 35) & (age <= 40),  # noqa: PLR2004 - years, as BKKBN counts
        "too_close": couple & _close(homes, children),
        "too_many": couple & (children >= 3),  # noqa: PLR2004 - children, as BKKBN counts
    }
    lacks = _lacking(draws, every, risk, couple, homes.pregnant, np.any([*four.values()], axis=0))
    bad_house = draws.uniform(_HOUSE, every) < figures().krs["house"]
    facts = {name: _flags(fact, couple) for name, fact in four.items()}
    facts |= {
        "couple": _flags(couple),
        "pregnant": _flags(homes.pregnant),
        "child_0_23": _flags(small),
        "child_24_59": _flags(middle),
        "latrine_ok": _flags(~lacks["latrine"]),
        "water_ok": _flags(~lacks["water"]),
        "house_ok": _flags(~bad_house),
        "modern_contraception": _flags(~lacks["no_modern_contraception"], couple),
    }
    return facts


def _close(homes: Homes, children: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the two youngest were born within two years, twins not counted."""
    every = np.arange(children.size)
    youngest = homes.ages[every, FIRST_CHILD + np.maximum(children - 1, 0)]
    second = homes.ages[every, FIRST_CHILD + np.maximum(children - 2, 0)]
    apart: NDArray[np.int64] = second - youngest
    return (children > 1) & (apart > 0) & (apart < 731)  # noqa: PLR2004 - days


def _lacking(
    draws: Draws,
    every: NDArray[np.int64],
    risk: NDArray[np.bool_],
    couple: NDArray[np.bool_],
    pregnant: NDArray[np.bool_],
    four: NDArray[np.bool_],
) -> dict[str, NDArray[np.bool_]]:
    """Choose who lacks what, such that each family at risk lacks something in the right shares."""
    names = ("latrine", "water", "no_modern_contraception")
    shares = np.array([figures().krs[name] for name in names])
    able = np.stack([risk, risk, risk & couple & ~pregnant])
    queues = np.stack([draws.uniform(_EACH_RISK + number, every) for number in range(3)])
    which = draws.choice(_WHICH, every, shares.tolist())
    which = np.where(able[which, every], which, 0)
    bars = shares.copy()
    lacking = np.stack([np.zeros_like(risk), np.zeros_like(risk), pregnant & risk])
    for _ in range(_ROUNDS):  # who would have no factor gets one: lower the bars until it fits
        lacking[2] = pregnant & risk
        lacking[:2] = False
        lacking |= able & (queues < bars[:, None])
        nothing = risk & ~four & ~lacking.any(axis=0)
        lacking[which[nothing], every[nothing]] = True
        bars *= shares * risk.sum() / np.maximum(lacking.sum(axis=1), 1)
    return dict(zip(names, lacking, strict=True))


def _schools(
    draws: Draws, people: People, desil: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int8]]:
    """Return who goes to school and the highest school that each has finished."""
    figure, persons = figures(), np.arange(people.size)
    level = np.searchsorted([7, 13, 16, 19], people.ages, "right")
    out = np.array([0.0, *figure.out_of_school, 1.0])[level]
    out = np.where(desil[people.home] <= 2, out * figure.persons["poorest_out_of_school"], out)  # noqa: PLR2004 - desil
    out = np.where(people.ages < 6, 1.0, out)  # noqa: PLR2004 - years
    young = (level == 4) & (people.ages <= 23)  # noqa: PLR2004 - nineteen to twenty-three
    out = np.where(young, 1 - figure.persons["studies"], out)
    child = (people.seat >= FIRST_CHILD) & (people.seat < FIRST_CHILD + CHILDREN)
    at_school = (draws.uniform(_SCHOOL, persons) >= out) & child
    born = people.births // 10_000
    cohort = np.searchsorted([1965, 1985], born, "right")
    diploma = draws.uniform(_DIPLOMA, persons)
    finished = np.zeros(people.size, np.int64)
    for number, shares in enumerate(figure.schools):
        curve = np.cumsum(shares) / np.sum(shares)
        drawn = np.minimum(np.searchsorted(curve, diploma, "right"), HIGHER)
        finished = np.where(cohort == number, drawn, finished)
    # A pupil has finished the school below; who left early, that one or less.
    below = np.array([NO_SCHOOL, NO_SCHOOL, SD, SMP, SMA])[level]
    dropped = np.where(diploma < 0.25, np.maximum(below - 1, NO_SCHOOL), below)  # noqa: PLR2004 - share
    left = np.where(level < 4, dropped, np.minimum(finished, SMA))  # noqa: PLR2004 - below nineteen
    finished = np.where(people.ages < 23, left, finished)  # noqa: PLR2004 - years
    return at_school, np.where(at_school, below, finished).astype(np.int8)


def _working(draws: Draws, people: People, in_school: NDArray[np.bool_]) -> NDArray[np.bool_]:
    share = np.where(
        people.sexes == MALE, figures().persons["work_men"], figures().persons["work_women"]
    )
    share = np.where(people.ages >= 65, share / 3, share)  # noqa: PLR2004 - years
    adult = (people.ages >= 18) & ~in_school  # noqa: PLR2004 - years
    return adult & (draws.uniform(_WORK, np.arange(people.size)) < share)
