"""The public data sets as arrays, one builder for each model formula in reference/mixed.R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parents[1] / "models" / "reference"
REFERENCE: dict[str, Any] = json.loads((HERE / "mixed.json").read_text(encoding="utf-8"))


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / f"{name}.csv")


def indicators(values: pd.Series, reference: Any) -> np.ndarray:
    levels = [level for level in sorted(values.unique()) if level != reference]
    return (values.to_numpy()[:, None] == np.array(levels)).astype(float)


def columns(*parts: Any) -> np.ndarray:
    return np.column_stack([np.asarray(part, dtype=float) for part in parts])


def logistic_arguments(case: str) -> dict[str, Any]:
    """Keyword arguments of fit_logistic for a case of mixed.json."""
    name = case.split("_", 1)[0]
    d = read(name)
    one = np.ones(len(d))
    if name == "cbpp":
        arguments = {
            "successes": d["incidence"],
            "trials": d["size"],
            "groups": d["herd"],
            "X": columns(one, indicators(d["period"], 1)),
        }
        if case == "cbpp_offset":
            arguments |= {"X": one[:, None], "offset": -0.5 * d["period"]}
    elif name == "bacteria":
        arguments = {
            "successes": d["y"],
            "groups": d["ID"],
            "X": columns(one, d["drug"], d["late"]),
        }
    elif name == "contraception":
        X = columns(
            one, d["age"], d["age"] ** 2, indicators(d["livch"].astype(str), "0"), d["urban"]
        )
        arguments = {"successes": d["use"], "groups": d["district"], "X": X}
        if "nested" in case:
            arguments["subgroups"] = d["urban"]
    else:
        arguments = {
            "successes": d["events"],
            "trials": d["children"],
            "groups": d["cluster"],
            "X": columns(one, indicators(d["period"], 0), d["treated"]),
        }
        if "nested" in case:
            arguments["subgroups"] = d["period"]
    told = REFERENCE["logistic"][case]
    restricted = {"restricted": True} if told.get("restricted") else {}
    return arguments | {"quadrature": told["quadrature"]} | restricted


def linear_arguments(case: str) -> dict[str, Any]:
    """Keyword arguments of fit_linear for a case of mixed.json."""
    name, _, method = case.rpartition("_")
    d = read(name)
    one = np.ones(len(d))
    if name.startswith("sleep"):
        arguments = {"y": d["Reaction"], "X": columns(one, d["Days"]), "groups": d["Subject"]}
    elif name == "orthodont":
        girl = d["Sex"] == "Female"
        X = columns(one, d["age"], girl, d["age"] * girl)
        arguments = {"y": d["distance"], "X": X, "groups": d["Subject"]}
    elif name.startswith("pastes"):
        arguments = {
            "y": d["strength"],
            "X": one[:, None],
            "groups": d["batch"],
            "subgroups": d["cask"],
        }
    elif name.startswith("oats"):
        X = columns(one, d["nitro"], indicators(d["Variety"], "Golden Rain"))
        arguments = {"y": d["yield"], "X": X, "groups": d["Block"], "subgroups": d["Variety"]}
    else:
        arguments = {"y": d["Yield"], "X": one[:, None], "groups": d["Batch"]}
    return arguments | {"reml": method == "reml"}
