"""Covariates of the primary model, at the index referral, and how often each is missing.

Child covariates are categoricals with missing as NaN; LA covariates are floats. Source: protocol,
Covariates and Handling missing data.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.errors import Refusal
from fvlib.refresh import Refresh
from fvlib.trial.calendar import MONTHS_A_YEAR, academic_year, age_in_months
from fvlib.trial.frames import Days, Floats, Ints, coded, day, days

# CIN census categories without REFU (refused) and NOBT (not obtained): neither tells a child's
# ethnic group, so both are read as missing.
ETHNICITIES: Final = (
    "WBRI", "WIRI", "WIRT", "WOTH", "WROM", "MWBC", "MWBA", "MWAS", "MOTH",
    "AIND", "APKN", "ABAN", "AOTH", "BCRB", "BAFR", "BOTH", "CHNE", "OOTH",
)  # fmt: skip
WHITE_BRITISH: Final = "WBRI"
BELOW_SCHOOL_AGE: Final = "below school age"
ALL: Final = "all"  # a margin over LAs or conditions

# The first level of each is the reference of a model, except where protocol.py says otherwise.
LEVELS: Final = {
    "sex": ("male", "female", "other"),
    "ethnicity": ETHNICITIES,
    "age_band": tuple(name for name, _, _ in protocol.AGE_BANDS),
    "disabled": ("no", "yes"),
    "fsm": ("no", "yes", BELOW_SCHOOL_AGE),
    "uasc": ("no", "yes"),
    "previous_cpp": ("0", "1", "2+"),
    "primary_need": tuple("0123456789"),
}
CHILD_COVARIATES: Final = (
    "sex",
    "ethnicity",
    "age_band",
    "academic_year",
    "disabled",
    "fsm",
    "uasc",
    "previous_cpp",
    "primary_need",
)
LA_COVARIATES: Final = ("la_fsm_share", "la_white_british_share", "other_programme")


def add_covariates(
    cohort: pd.DataFrame, children: pd.DataFrame, la_context: pd.DataFrame, refresh: Refresh
) -> pd.DataFrame:
    """Add the covariates to the cohort.

    Parameters
    ----------
    cohort
        `fvlib.trial.cohort.select`'s frame.
    children, la_context
        The extracts' frames.
    refresh
        Gives the trial period and the further LA columns (`context_columns`).

    Returns
    -------
    pandas.DataFrame
        The cohort with `CHILD_COVARIATES`, `LA_COVARIATES` and the context columns; the raw
        n_previous_cpp is gone, primary_need has its levels.
    """
    child = children.loc[cohort.index]
    referral, birth_month = days(cohort["referral_date"]), days(cohort["birth_month"])
    year = academic_year(referral)
    described = cohort.drop(columns="n_previous_cpp").assign(
        sex=_levels("sex", child["sex"]),
        ethnicity=_levels("ethnicity", child["ethnicity"]),
        age_band=_age_band(cohort["age"].to_numpy()),
        academic_year=_academic_years(year, refresh),
        disabled=_yes_no("disabled", child["disabled"]),
        fsm=_free_school_meals(child, birth_month, year),
        uasc=_yes_no("uasc", child["uasc"]),
        previous_cpp=_previous_cpp(cohort["n_previous_cpp"]),
        primary_need=_levels("primary_need", cohort["primary_need"]),
    )
    fsm, ethnicity = described["fsm"], described["ethnicity"]
    described["la_fsm_share"] = _share_month_before(
        described, fsm == "yes", fsm.isin(("yes", "no")), refresh
    )
    described["la_white_british_share"] = _share_month_before(
        described, ethnicity == WHITE_BRITISH, ethnicity.notna(), refresh
    )
    context = _context_at_referral(described, la_context, refresh.context_columns)
    return pd.concat([described, context], axis=1)


def _levels(covariate: str, values: pd.Series[Any]) -> pd.Categorical[Any]:
    """Give values their levels; a code that is none of them is missing."""
    levels = LEVELS[covariate]
    return coded(pd.Index(list(levels)).get_indexer(pd.Index(values.astype(object))), levels)


def _yes_no(covariate: str, flags: pd.Series[Any]) -> pd.Categorical[Any]:
    codes = flags.astype("boolean").to_numpy(np.float64, na_value=-1)
    return coded(codes, LEVELS[covariate])


def _age_band(age: Ints) -> pd.Categorical[Any]:
    lasts = [last for _, _, last in protocol.AGE_BANDS]
    return coded(np.searchsorted(lasts, age), LEVELS["age_band"])


def _academic_years(year: Ints, refresh: Refresh) -> pd.Categorical[Any]:
    """Label the September to August year, such as `2019/20`; levels are the trial period's."""
    first, last = academic_year(np.array(refresh.trial_dates, dtype="datetime64[D]"))
    names = [f"{start}/{(start + 1) % 100:02d}" for start in range(first, last + 1)]
    return coded(year - first, names)


def _free_school_meals(child: pd.DataFrame, birth_month: Days, year: Ints) -> pd.Categorical[Any]:
    """FSM ever; pupil premium for Reception to Year 2, when every child's meals are free.

    The school year is told by age on 31 August before the referral's academic year. A child not
    yet in Reception is `below school age`, a level of its own and never missing.
    """
    before = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]")
    first_month = protocol.TERM_STARTS["autumn"][0]
    eve = (before + (first_month - 1)).astype("datetime64[D]") - 1
    age = age_in_months(birth_month, eve) // MONTHS_A_YEAR
    youngest, oldest = protocol.PUPIL_PREMIUM_AGES
    ever, premium = (
        child[column].astype("boolean").to_numpy(np.float64, na_value=-1)
        for column in ("fsm_ever", "pupil_premium")
    )
    codes = np.select([age < youngest, age <= oldest], [2, premium], default=ever)
    return coded(codes, LEVELS["fsm"])


def _previous_cpp(number: pd.Series[Any]) -> pd.Categorical[Any]:
    most = len(LEVELS["previous_cpp"]) - 1
    codes = number.astype("Int64").clip(upper=most).to_numpy(np.int64, na_value=-1)
    return coded(codes, LEVELS["previous_cpp"])


def _share_month_before(
    cohort: pd.DataFrame, has: pd.Series[bool], recorded: pd.Series[bool], refresh: Refresh
) -> Floats:
    """Share among the LA's cohort children referred in the calendar month before.

    The latest earlier month with any recorded value counts; at the very start, where there is
    none, the child's own month, and if that has none either the first month that has. NaN only in
    an LA without any recorded value.
    """
    first = day(refresh.trial_dates[0]).astype("datetime64[M]")
    last = day(refresh.trial_dates[1]).astype("datetime64[M]")
    month = (days(cohort["referral_date"]).astype("datetime64[M]") - first).astype(np.int64)
    shape = (len(protocol.LA_KEYS), int((last - first).astype(np.int64)) + 1)
    cell = np.ravel_multi_index((cohort["la"].cat.codes.to_numpy(), month), shape)
    size = shape[0] * shape[1]
    known = np.bincount(cell, weights=recorded, minlength=size)
    count = np.bincount(cell, weights=has & recorded, minlength=size)
    share = np.divide(count, known, out=np.full(size, np.nan), where=known > 0).reshape(shape)
    own = pd.DataFrame(share.T)  # months down, LAs across
    before = own.shift(1).ffill().fillna(own).bfill()
    table: Floats = before.to_numpy().T
    return table.ravel()[cell]


def _context_at_referral(
    cohort: pd.DataFrame, la_context: pd.DataFrame, columns: tuple[str, ...]
) -> pd.DataFrame:
    """Newest la_context row on or before the referral: a row holds from its `from_date` on."""
    wanted = ["other_programme", *columns]
    absent = [column for column in columns if column not in la_context.columns]
    taken = [column for column in columns if column in cohort.columns]
    if absent or taken:
        raise Refusal(
            "params: context_columns: "
            + "; ".join(
                [f"{column} is no column of la_context.csv" for column in absent]
                + [f"{column} is the name of another covariate, rename it" for column in taken]
            )
        )
    rows = la_context.sort_values("from_date", kind="stable")
    result = pd.DataFrame(np.nan, index=cohort.index, columns=wanted)
    for la, members in cohort.groupby("la", observed=True):
        of_la = rows[rows["la"] == la]
        newest = np.searchsorted(days(of_la["from_date"]), days(members["referral_date"]), "right")
        for column in wanted:
            values = np.append(np.nan, of_la[column].to_numpy(np.float64, na_value=np.nan))
            result.loc[members.index, column] = values[newest]
    return result


def missing_too_often(cohort: pd.DataFrame) -> tuple[str, ...]:
    """Name the covariates missing in more than 30 % of the cohort: no model has them.

    Free school meals are judged among those of school age. The whole cohort decides, so that every
    analysis drops the same ones, whatever its sample.
    """
    share = {
        name: cohort[name].isna().sum() / max(1, recordable(cohort[name]).sum())
        for name in (*CHILD_COVARIATES, *LA_COVARIATES)
    }
    return tuple(name for name in share if share[name] > protocol.MISSING_LIMIT)


def recordable(values: pd.Series[Any]) -> pd.Series[bool]:
    """Say for whom a covariate could be recorded: free school meals at school age alone."""
    return values.isna() | (values != BELOW_SCHOOL_AGE)
