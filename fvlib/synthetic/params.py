"""The params file of a synthetic refresh: every key written out, every analysis provided for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from fvlib import protocol
from fvlib.refresh import add_months
from fvlib.synthetic.ipe import CONTEXT_COLUMN

_MISSING_BECAUSE = {
    "ethnicity": "two authorities changed their case system and asked for it late",
    "disabled": "recorded at the first assessment only, which some cases never reached",
    "fsm": "children educated outside the authority are not on its school census",
    "previous_cpp": "plans in another authority are not always known",
}


def params_text(
    name: str, through: date, effect: float, live: Mapping[str, date], *, dirt: bool
) -> str:
    """Write the YAML text of `params/<name>.yml`."""
    closes = add_months(protocol.TRIAL_END, protocol.WINDOW_MONTHS[protocol.PRIMARY_OUTCOME])
    look = "final" if through >= closes else "interim"
    implementation = "\n".join(
        f"  {la}: {{fgc_started: {add_months(day, -2)}, "
        f"theory_to_practice_done: {add_months(day, 2)}, deep_dive_done: {add_months(day, 3)}}}"
        for la, day in live.items()
    )
    because = "".join(f'\n  {key}: "{reason}"' for key, reason in _MISSING_BECAUSE.items())
    return f"""\
# A synthetic refresh: no child in it exists. `truth.json` in its data folder says what was planted.
refresh: {name}
data: data/{name}
data_outside: false        # true lets `data` lead out of the project
data_through: {through}    # last date the extracts are complete for; or one date for each authority
previous_refresh:          # name of an earlier refresh: the report then says what changed

# What differs from the protocol's dates, and the dates of the sensitivity analyses X6 and X10.
# A changed live date: {{operationally_live: 2021-05-01, reason: "...", dfe_agreed: 2021-03-10,
# developer_consulted: true}}, in the authority's block.
implementation:
{implementation}

look: {look}                # interim or final; final is refused while a P1 window is open
registration:              # where the trial is registered, printed
imputations: 20
seed: 20200401
# Smaller counts are masked, others rounded; weaker ones than these need a reason, printed.
disclosure: {{threshold: 10, round_to: 5, reason: }}

# The sister evaluation's difference-in-differences result (X12), invented here.
did:
  outcome: P1
  months: 18
  scale: log_odds
  estimate: {0.8 * effect:.2f}
  se: 0.12
  correlation:             # with the stepped wedge's estimate, where it is known
  did_holds: true
  stepped_wedge_holds: true

# Pounds per looked-after child over 18 months (X14), invented here.
cost: {{per_looked_after_child: 60000, low: 40000, high: 95000, distribution: triangular}}

# Why covariates are missing, printed.
missing_because:{because if dirt else " {}"}

# Labels of the returns that may be told beside the contract's own; any other is told as `other`.
labels: {{role: [], team: [], level: []}}

reunification_codes: [E4A]  # add E4B to count unplanned returns home
trial_period: {{start: , end: , reason: }}    # when the protocol's dates are overridden
retention: {{published: }}    # date of publication: warns 24 months later
context_columns: [{CONTEXT_COLUMN if dirt else ""}]    # further columns of la_context.csv
"""
