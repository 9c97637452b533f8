"""Against lme4, glmmTMB, lmerTest and pbkrtest on public data: see reference/mixed.R."""

from __future__ import annotations

import numpy as np
import pytest

from fvlib.models.mixed import fit_linear, fit_logistic
from tests.support.mixed_reference import REFERENCE, linear_arguments, logistic_arguments

# lme4's deviance function was polished to its minimum and differentiated by Richardson's method.
RELATIVE = 2e-5
# glmmTMB stops at its own tolerance and differentiates once numerically.
RELATIVE_TMB = 5e-4
LOG_LIKELIHOOD = 1e-6
DF = 1e-2
# lme4's modes come from its own optimum, at tolerance 1e-6 or so of the variance ratios.
MODES = 1e-5


@pytest.mark.parametrize("case", sorted(REFERENCE["logistic"]))
def test_logistic_agrees(case: str) -> None:
    told = REFERENCE["logistic"][case]
    fit = fit_logistic(**logistic_arguments(case))
    relative = RELATIVE if told["package"] == "lme4" else RELATIVE_TMB
    np.testing.assert_allclose(fit.coefficients, np.atleast_1d(told["coefficients"]), rtol=relative)
    np.testing.assert_allclose(fit.std_errors, np.atleast_1d(told["std_errors"]), rtol=relative)
    np.testing.assert_allclose(fit.sigmas, np.atleast_1d(told["sigmas"]), rtol=relative)
    assert fit.log_likelihood == pytest.approx(told["log_likelihood"], abs=LOG_LIKELIHOOD)
    assert fit.converged
    assert not fit.singular


@pytest.mark.parametrize("case", sorted(REFERENCE["linear"]))
def test_linear_agrees(case: str) -> None:
    told = REFERENCE["linear"][case]
    fit = fit_linear(**linear_arguments(case))
    np.testing.assert_allclose(fit.coefficients, np.atleast_1d(told["coefficients"]), rtol=RELATIVE)
    np.testing.assert_allclose(fit.std_errors, np.atleast_1d(told["std_errors"]), rtol=RELATIVE)
    np.testing.assert_allclose(fit.df, np.atleast_1d(told["df"]), rtol=RELATIVE, atol=DF / 10)
    np.testing.assert_allclose(fit.sigmas, told["sigmas"], rtol=RELATIVE)
    np.testing.assert_allclose(fit.modes, told["modes"], atol=MODES)
    np.testing.assert_allclose(fit.mode_sds, told["mode_sds"], atol=MODES)
    assert fit.log_likelihood == pytest.approx(told["log_likelihood"], abs=LOG_LIKELIHOOD)
    assert fit.converged


@pytest.mark.parametrize("case", [c for c in sorted(REFERENCE["linear"]) if c.endswith("reml")])
def test_kenward_roger_agrees(case: str) -> None:
    told = REFERENCE["linear"][case]
    found = fit_linear(**linear_arguments(case)).kenward_roger
    errors = np.atleast_1d(told["kenward_roger_std_errors"])
    np.testing.assert_allclose(found.std_errors, errors, rtol=RELATIVE)
    df = np.atleast_1d(told["kenward_roger_df"])
    np.testing.assert_allclose(found.df, df, rtol=RELATIVE, atol=DF / 10)


def test_maximum_likelihood_says_that_it_has_no_kenward_roger() -> None:
    assert fit_linear(**linear_arguments("pastes_ml")).kenward_roger is None


def test_singular_fit_of_dyestuff2_is_the_plain_mean() -> None:
    # Box and Tiao's data were made to have no variance between batches.
    arguments = linear_arguments("dyestuff2_reml")
    fit = fit_linear(**arguments)
    y = np.asarray(arguments["y"])
    assert fit.singular
    assert fit.sigmas[0] == 0.0
    assert "zero" in " ".join(fit.warnings)
    np.testing.assert_allclose(fit.std_errors, [y.std(ddof=1) / np.sqrt(len(y))], rtol=1e-12)
    np.testing.assert_allclose(fit.df, [len(y) - 1], rtol=1e-9)
