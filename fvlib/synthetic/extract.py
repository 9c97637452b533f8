"""The drawn trial as the contract's files: text cells, as an authority would send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fvlib.contract import FILES, codes
from fvlib.synthetic.calendar import FAR, TERM_NAMES, Bools, Ints, SchoolTerms, first_day
from fvlib.synthetic.care import Episodes
from fvlib.synthetic.children import DISABILITIES, NOT_SET, Covariates
from fvlib.synthetic.design import IndexReferrals
from fvlib.synthetic.outcomes import Absence, of_school_age
from fvlib.synthetic.plans import Plans
from fvlib.synthetic.referrals import Referrals

_PLAN_TYPES: Final = ("CIN", "CPP")
# Multiplication by a constant modulo a prime: different numbers in no order.
_CHILD_PRIME, _CHILD_STEP = 9_999_991, 6_364_137
_REFERRAL_PRIME, _REFERRAL_STEP = 99_999_989, 36_413_321


@dataclass(frozen=True, slots=True)
class FileRows:
    """A file's rows, all authorities stacked in roll-out order.

    Attributes
    ----------
    la : (rows,) position in `protocol.LA_KEYS`, ascending
    table : the contract's columns, every cell text or null
    """

    la: Ints
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Register:
    """Who is in the extracts: (children,) LA, day of the referral that decides, present or not."""

    la: Ints
    day: Ints
    present: Bools

    @property
    def number(self) -> Ints:
        """Each child's number, meaningless and unique."""
        return (np.arange(1, len(self.la) + 1) * _CHILD_STEP) % _CHILD_PRIME

    @property
    def child_id(self) -> pa.Array:
        """Each child's id."""
        return _identifier("c", self.number, 7)

    def fresh_ids(self) -> Iterator[str]:
        """Ids in the same form that no child has."""
        for order in count(len(self.la) + 1):
            yield f"c{(order * _CHILD_STEP) % _CHILD_PRIME:07d}"


def fresh_referral_ids() -> Iterator[str]:
    """Ids in the same form that no referral has."""
    for order in count(_REFERRAL_PRIME // 2):
        yield f"r{(order * _REFERRAL_STEP) % _REFERRAL_PRIME:08d}"


def children_file(register: Register, birth_month: Ints, covariates: Covariates) -> FileRows:
    """children.csv: birth months not known are `NOT_SET`."""
    written = {
        "child_id": register.child_id,
        "birth_month": pc.utf8_slice_codeunits(
            dates(np.where(birth_month == NOT_SET, FAR, first_day(birth_month))), 0, 7
        ),
        "sex": coded(covariates.sex, codes.SEX.written),
        "ethnicity": coded(covariates.ethnicity, codes.ETHNICITY.written),
        "disability": coded(covariates.disability, DISABILITIES),
        "fsm_ever": whole(covariates.fsm_ever),
        "pupil_premium": whole(covariates.pupil_premium),
        "uasc": whole(covariates.uasc),
    }
    child = np.arange(len(register.la))
    return _file("children", register, child, child, written)


def referrals_file(register: Register, referrals: Referrals) -> FileRows:
    """referrals.csv."""
    order = np.arange(1, len(referrals.day) + 1)
    written = {
        "child_id": register.child_id.take(pa.array(referrals.child)),
        "referral_id": _identifier("r", (order * _REFERRAL_STEP) % _REFERRAL_PRIME, 8),
        "referral_date": dates(referrals.day),
        "referral_nfa": whole(referrals.no_further_action.astype(np.int64)),
        "closure_date": dates(referrals.closure),
        "primary_need": coded(referrals.need, codes.PRIMARY_NEED.written),
        "n_previous_cpp": whole(referrals.previous_cpp),
    }
    return _file("referrals", register, referrals.child, referrals.day, written)


def plans_file(register: Register, plans: Plans) -> FileRows:
    """plans.csv."""
    written = {
        "child_id": register.child_id.take(pa.array(plans.child)),
        "plan_type": coded(plans.plan_type, _PLAN_TYPES),
        "start_date": dates(plans.start),
        "end_date": dates(plans.end),
    }
    return _file("plans", register, plans.child, plans.start, written)


def care_episodes_file(register: Register, episodes: Episodes) -> FileRows:
    """care_episodes.csv."""
    written = {
        "CHILD": register.child_id.take(pa.array(episodes.child)),
        "DECOM": dates(episodes.start),
        "RNE": coded(episodes.new, codes.RNE.written),
        "LS": coded(episodes.status, codes.LEGAL_STATUS.written),
        "CIN": coded(episodes.need, codes.PRIMARY_NEED.written),
        "PLACE": coded(episodes.place, codes.PLACEMENT.written),
        "PLACE_PROVIDER": coded(episodes.provider, codes.PLACE_PROVIDER.written),
        "DEC": dates(episodes.end),
        "REC": coded(episodes.reason, codes.EPISODE_END.written),
        "REASON_PLACE_CHANGE": coded(episodes.change, codes.PLACE_CHANGE.written),
    }
    return _file("care_episodes", register, episodes.child, episodes.start, written)


def attendance_file(register: Register, absence: Absence, terms: SchoolTerms) -> FileRows:
    """attendance.csv."""
    years = terms.academic_year[absence.term]
    labels = [f"{year}/{(year + 1) % 100:02d}" for year in range(2000, 2100)]
    written = {
        "child_id": register.child_id.take(pa.array(absence.child)),
        "academic_year": coded(years - 2000, tuple(labels)),
        "term": coded(terms.name[absence.term], TERM_NAMES),
        "sessions_possible": whole(absence.possible),
        "sessions_unauthorised": whole(absence.unauthorised),
    }
    return _file("attendance", register, absence.child, absence.term, written)


def with_other_terms(
    rng: np.random.Generator, index: IndexReferrals, absence: Absence, terms: SchoolTerms
) -> Absence:
    """Rows that S6 passes over: the term before the referral's next, and closed terms (0 of 0)."""
    pupils = np.unique(absence.child)
    next_term = np.searchsorted(first_day(terms.first_month), index.day[pupils], side="right")
    child, term, possible = [absence.child], [absence.term], [absence.possible]
    unauthorised = [absence.unauthorised]
    for shift in (-1, 0, 1, 2, 3):
        at = next_term + shift
        known = (at >= 0) & (at < len(terms.first_month))
        at = np.where(known, at, 0)
        share = terms.open_share[index.la[pupils], at]
        wanted = known & of_school_age(index.birth_month[pupils], terms.first_month[at])
        wanted &= (share == 0) | (shift == -1)
        sessions = np.rint(share[wanted] * rng.integers(100, 140, int(wanted.sum())))
        possible.append(sessions.astype(np.int64))
        unauthorised.append(rng.binomial(possible[-1], rng.beta(0.8, 10.0, len(possible[-1]))))
        child.append(pupils[wanted])
        term.append(at[wanted])
    every = np.concatenate(child)
    return Absence(
        every,
        np.concatenate(term),
        np.full(len(every), NOT_SET),
        np.concatenate(possible),
        np.concatenate(unauthorised),
    )


def dates(days: Ints) -> pa.Array:
    """ISO dates; null for `FAR`."""
    return pa.array(days.astype(np.int32), pa.date32(), mask=days >= FAR).cast(pa.string())


def coded(positions: Ints, written: tuple[str, ...]) -> pa.Array:
    """Codes by their position; null for `NOT_SET`."""
    return pa.array(written).take(pa.array(positions, mask=positions < 0))


def whole(values: Ints) -> pa.Array:
    """Whole numbers; null for `NOT_SET`."""
    return pa.array(values, mask=values < 0).cast(pa.string())


def _identifier(letter: str, numbers: Ints, digits: int) -> pa.Array:
    padded = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), digits, "0")
    return pc.binary_join_element_wise(letter, padded, "")


def _file(
    name: str, register: Register, child: Ints, then_by: Ints, written: Mapping[str, pa.Array]
) -> FileRows:
    """Order by LA, child and date, and drop the children who aren't there."""
    if tuple(written) != tuple(column.name for column in FILES[name].sent):
        raise AssertionError(f"{name}: the simulator writes other columns than the contract has")
    order = np.lexsort((then_by, register.number[child], register.la[child]))
    order = order[register.present[child[order]]]
    table = pa.table(dict(written)).take(pa.array(order))
    return FileRows(register.la[child[order]], table)
