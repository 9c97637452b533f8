"""The linear model: against matrices written out in full, balanced closed forms, and its edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from fvlib.models.clusters import number_clusters
from fvlib.models.linear.reml import moments, profile
from fvlib.models.mixed import LinearFit, Unidentified, fit_linear
from tests.support.mixed_reference import linear_arguments
from tests.support.mixed_twins import linear_loglik

EXACT = 1e-9
# Two climbs end within a decrement of 1e-5, squared, of each other.
SAME = 1e-7


def problem(seed: int, n: int = 90, groups: int = 6) -> dict[str, np.ndarray]:
    """Unbalanced and nested, with some leaves of one row."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n)])
    g, s = rng.integers(0, groups, n), rng.integers(0, 5, n)
    y = X @ [3.0, 1.0, -0.5] + rng.normal(0, 1, groups)[g] + rng.normal(0, 0.8, (groups, 5))[g, s]
    return {"y": y + rng.normal(0, 1.2, n), "X": X, "g": g, "s": s}


def three_levels(seed: int, n: int = 260) -> dict[str, np.ndarray]:
    """Five groups, subgroups in them and units in these, unbalanced."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n)])
    g, s, u = rng.integers(0, 5, n), rng.integers(0, 4, n), rng.integers(0, 6, n)
    y = X @ [3.0, 1.0, -0.5] + rng.normal(0, 1.5, 5)[g] + rng.normal(0, 1.2, (5, 4))[g, s]
    y += rng.normal(0, 0.9, (5, 4, 6))[g, s, u]
    return {"y": y + rng.normal(0, 1.2, n), "X": X, "g": g, "s": s, "u": u}


def covariance_of(d: dict[str, np.ndarray], sigmas: tuple[float, ...]) -> np.ndarray:
    same_group = d["g"][:, None] == d["g"]
    same_leaf = same_group & (d["s"][:, None] == d["s"])
    parts = [same_group, same_leaf][: len(sigmas) - 1]
    if len(sigmas) == 4:
        parts.append(same_leaf & (d["u"][:, None] == d["u"]))
    V = sigmas[-1] ** 2 * np.eye(len(d["y"]))
    return V + sum(sigma**2 * part for sigma, part in zip(sigmas, parts, strict=False))


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_likelihood_and_estimates_are_those_of_the_full_matrices(reml: bool, levels: int) -> None:
    d = problem(1) if levels < 3 else three_levels(1)
    inner = d["s"] if levels > 1 else None
    fit = fit_linear(d["y"], d["X"], d["g"], inner, reml=reml, units=d.get("u"))
    assert not fit.singular
    value, beta, covariance = linear_loglik(d["y"], d["X"], covariance_of(d, fit.sigmas), reml)
    assert fit.log_likelihood == pytest.approx(value, abs=1e-8)
    np.testing.assert_allclose(fit.coefficients, beta, atol=EXACT)
    np.testing.assert_allclose(fit.covariance, covariance, atol=EXACT)

    def loss(log_sigmas: np.ndarray) -> float:
        return -linear_loglik(d["y"], d["X"], covariance_of(d, tuple(np.exp(log_sigmas))), reml)[0]

    best = minimize(loss, np.log(fit.sigmas) + 0.1, method="BFGS", options={"gtol": 1e-6})
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-7)
    np.testing.assert_allclose(np.log(fit.sigmas), best.x, atol=1e-4)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_derivatives_of_the_profile(reml: bool, levels: int) -> None:
    d = problem(2) if levels < 3 else three_levels(2)
    clusters = number_clusters(d["g"], d["s"] if levels > 1 else None, len(d["y"]))
    if levels == 3:
        units = number_clusters(clusters.cell, d["u"], len(d["y"]))
        m = moments(d["X"], d["y"], units.cell, units.group_of, clusters.group_of)
    else:
        m = moments(d["X"], d["y"], clusters.cell, clusters.group_of if levels == 2 else None)
    gamma = np.array([0.6, 0.3, 0.2])[:levels]
    at = profile(m, gamma, reml)
    for j in range(len(gamma)):
        step = 1e-5 * (np.arange(len(gamma)) == j)
        up, down = profile(m, gamma + step, reml), profile(m, gamma - step, reml)
        assert at.gradient[j] == pytest.approx((up.deviance - down.deviance) / 2e-5, abs=1e-6)
        np.testing.assert_allclose(at.hessian[j], (up.gradient - down.gradient) / 2e-5, atol=1e-5)


@pytest.mark.parametrize("levels", [2, 3])
def test_satterthwaite_is_its_definition(levels: int) -> None:
    # Numerical derivatives of the deviance and of a coefficient's variance, V written out.
    d = problem(3) if levels == 2 else three_levels(3)
    fit = fit_linear(d["y"], d["X"], d["g"], d["s"], units=d.get("u"))
    phi, n = np.array(fit.sigmas) ** 2, levels + 1

    def deviance(phi: np.ndarray) -> float:
        return (
            -2 * linear_loglik(d["y"], d["X"], covariance_of(d, tuple(np.sqrt(phi))), reml=True)[0]
        )

    def variance(phi: np.ndarray) -> np.ndarray:
        V = covariance_of(d, tuple(np.sqrt(phi)))
        return np.diag(linear_loglik(d["y"], d["X"], V, reml=True)[2])

    h = 2e-3 * phi
    eye = np.diag(h)
    H, gradient = np.empty((n, n)), np.empty((n, 3))
    for i in range(n):
        gradient[i] = (variance(phi + eye[i]) - variance(phi - eye[i])) / (2 * h[i])
        for j in range(n):
            steps = (eye[i] + eye[j], eye[i] - eye[j])
            both = deviance(phi + steps[0]) - deviance(phi + steps[1])
            both += deviance(phi - steps[0]) - deviance(phi - steps[1])
            H[i, j] = both / (4 * h[i] * h[j])
    spread = np.einsum("ip,ij,jp->p", gradient, 2 * np.linalg.inv(H), gradient)
    np.testing.assert_allclose(fit.df, 2 * variance(phi) ** 2 / spread, rtol=1e-3)


def test_balanced_one_way_layout_is_the_analysis_of_variance() -> None:
    # REML variance components of a balanced layout are the method of moments'.
    rng = np.random.default_rng(4)
    k, n = 12, 5
    g = np.repeat(np.arange(k), n)
    y = 10 + rng.normal(0, 2, k)[g] + rng.normal(0, 1, k * n)
    means = y.reshape(k, n).mean(axis=1)
    within = y.reshape(k, n).var(axis=1, ddof=1).mean()
    between = n * means.var(ddof=1)
    fit = fit_linear(y, np.ones((k * n, 1)), g)
    sigmas = [np.sqrt((between - within) / n), np.sqrt(within)]
    np.testing.assert_allclose(fit.sigmas, sigmas, rtol=1e-6)
    np.testing.assert_allclose(fit.coefficients, [y.mean()], rtol=1e-12)
    np.testing.assert_allclose(fit.std_errors, [np.sqrt(between / (k * n))], rtol=1e-6)
    np.testing.assert_allclose(fit.df, [k - 1], rtol=1e-6)
    assert fit.kenward_roger is not None
    np.testing.assert_allclose(fit.kenward_roger.df, [k - 1], rtol=1e-6)
    shrink = 1 - within / between
    np.testing.assert_allclose(fit.modes, shrink * (means - y.mean()), atol=1e-6)


@pytest.mark.parametrize("levels", [2, 3])
def test_modes_are_the_conditional_expectations(levels: int) -> None:
    d = problem(5) if levels == 2 else three_levels(5)
    fit = fit_linear(d["y"], d["X"], d["g"], d["s"], units=d.get("u"))
    V = covariance_of(d, fit.sigmas)
    r = np.linalg.solve(V, d["y"] - d["X"] @ fit.coefficients)
    cells = np.array(fit.subgroup_labels)
    groups = (d["g"][:, None] == np.array(fit.group_labels)).astype(float)
    leaves = ((d["g"][:, None] == cells[:, 0]) & (d["s"][:, None] == cells[:, 1])).astype(float)
    for Z, sigma, modes, sds in (
        (groups, fit.sigmas[0], fit.modes, fit.mode_sds),
        (leaves, fit.sigmas[1], fit.subgroup_modes, fit.subgroup_mode_sds),
    ):
        np.testing.assert_allclose(modes, sigma**2 * Z.T @ r, atol=EXACT)
        conditional = sigma**2 * np.eye(Z.shape[1]) - sigma**4 * Z.T @ np.linalg.solve(V, Z)
        np.testing.assert_allclose(sds, np.sqrt(np.diag(conditional)), atol=EXACT)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), reml=st.booleans(), log_unit=st.floats(-6, 6))
def test_order_and_units_don_t_matter(seed: int, reml: bool, log_unit: float) -> None:
    d, unit = problem(seed), 10.0**log_unit
    order = np.random.default_rng(seed).permutation(len(d["y"]))
    a = fit_linear(d["y"], d["X"], d["g"], d["s"], reml=reml)
    X = d["X"][order].copy()
    X[:, 1] = (1e3 + X[:, 1]) / unit
    b = fit_linear(unit * (1e3 + d["y"][order]), X, d["g"][order], d["s"][order], reml=reml)
    np.testing.assert_allclose(np.array(b.sigmas) / unit, a.sigmas, atol=1e-5)
    assert b.coefficients[1] / unit**2 == pytest.approx(a.coefficients[1], rel=1e-6, abs=1e-7)
    assert b.coefficients[2] / unit == pytest.approx(a.coefficients[2], rel=1e-6, abs=1e-7)
    # Not the constant's: shifting a column gave it another meaning.
    np.testing.assert_allclose(b.df[1:], a.df[1:], rtol=1e-3)
    assert a.singular == b.singular


def test_leaves_of_many_sizes_and_a_group_of_one_leaf() -> None:
    rng = np.random.default_rng(6)
    leaf = np.repeat(np.arange(30), rng.integers(1, 40, 30))
    g = np.where(leaf < 20, leaf % 4, 4 + (leaf == 29))
    d = {
        "y": rng.normal(size=len(leaf)) + rng.normal(size=6)[g] + rng.normal(size=30)[leaf],
        "X": np.column_stack([np.ones(len(leaf)), rng.normal(size=len(leaf))]),
        "g": g,
        "s": leaf,
    }
    fit = fit_linear(d["y"], d["X"], g, leaf)
    value, beta, _ = linear_loglik(d["y"], d["X"], covariance_of(d, fit.sigmas), reml=True)
    assert fit.log_likelihood == pytest.approx(value, abs=1e-8)
    np.testing.assert_allclose(fit.coefficients, beta, atol=EXACT)


def least_squares(fit: LinearFit, d: dict[str, np.ndarray]) -> None:
    n, p = d["X"].shape
    beta, rss, *_ = np.linalg.lstsq(d["X"], d["y"], rcond=None)
    errors = np.sqrt(rss[0] / (n - p) * np.diag(np.linalg.inv(d["X"].T @ d["X"])))
    np.testing.assert_allclose(fit.coefficients, beta, atol=EXACT)
    np.testing.assert_allclose(fit.std_errors, errors, rtol=1e-9)
    np.testing.assert_allclose(fit.df, n - p, rtol=1e-9)


def test_both_levels_singular_is_least_squares() -> None:
    d = problem(7)
    rng = np.random.default_rng(70)
    # Take each leaf's mean out, so that leaves and groups are more alike than chance has it.
    leaf, noise = d["g"] * 5 + d["s"], rng.normal(size=len(d["y"]))
    means = np.bincount(leaf, noise, 30) / np.maximum(np.bincount(leaf, minlength=30), 1)
    d["y"] = d["X"] @ [1.0, 2.0, 3.0] + noise - means[leaf]
    fit = fit_linear(d["y"], d["X"], d["g"], d["s"])
    assert fit.singular
    assert fit.sigmas[:2] == (0.0, 0.0)
    assert fit.converged
    least_squares(fit, d)


def test_one_group_says_that_its_variance_can_t_be_told() -> None:
    d = problem(8)
    fit = fit_linear(d["y"], d["X"], np.zeros(len(d["y"])))
    assert fit.singular
    assert any("one group" in warning for warning in fit.warnings)
    least_squares(fit, d)


def test_three_clusters_have_few_degrees_of_freedom() -> None:
    rng = np.random.default_rng(9)
    g = np.repeat(np.arange(3), 1000)
    y = rng.normal(0, 5, 3)[g] + rng.normal(size=3000)
    fit = fit_linear(y, np.ones((3000, 1)), g)
    assert fit.df[0] == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.full(90, 7.0)}, "y: the columns of X fit it exactly"),
        ({"y": np.zeros(90)}, "y: the columns of X fit it exactly"),
        ({"groups": np.arange(90)}, "groups: each has one row"),
        ({"subgroups": np.arange(90)}, "subgroups: each has one row"),
        ({"subgroups": np.zeros(90)}, "subgroups: each group has one"),
        ({"X": np.random.default_rng(0).normal(size=(90, 90))}, "X: 90 rows for 90 columns"),
    ],
)
def test_what_has_no_answer_is_refused_in_words(change: dict, message: str) -> None:
    d = problem(10)
    with pytest.raises(Unidentified, match=message):
        fit_linear(**({"y": d["y"], "X": d["X"], "groups": d["g"]} | change))


def test_no_residual_variance_is_not_called_converged() -> None:
    g = np.repeat(np.arange(10), 4)
    y = np.random.default_rng(11).normal(size=10)[g]
    fit = fit_linear(y, np.ones((40, 1)), g)
    assert not fit.converged
    assert any("nothing beside" in warning for warning in fit.warnings)


def test_truth_is_recovered_and_intervals_cover() -> None:
    # Five clusters: with t on Satterthwaite's degrees of freedom 95 % intervals cover the mean.
    rng = np.random.default_rng(12)
    g = np.repeat(np.arange(5), 8)
    covered, replicates = 0, 400
    from fvlib.models.inference import interval

    for _ in range(replicates):
        y = rng.normal(0, 1, 5)[g] + rng.normal(size=40)
        fit = fit_linear(y, np.ones((40, 1)), g)
        low, high, _ = interval(fit.coefficients[0], fit.std_errors[0], fit.df[0], alpha=0.05)
        covered += low <= 0 <= high
    # Binomial standard error 1.1 %: four of them.
    assert covered / replicates == pytest.approx(0.95, abs=0.044)


def test_start_values_don_t_matter_on_public_data() -> None:
    # The grid's best point is a start only: a maximum found from elsewhere is not higher.
    for case in ("oats_gaps_reml", "pastes_gaps_reml"):
        arguments = linear_arguments(case)
        fit = fit_linear(**arguments)
        d = {
            "y": np.asarray(arguments["y"], dtype=float),
            "X": arguments["X"],
            "g": np.asarray(arguments["groups"]),
            "s": np.asarray(arguments["subgroups"]),
        }
        for start in ((0.1, 0.1, 1.0), (3.0, 0.1, 1.0), (0.1, 3.0, 1.0)):
            begin = np.log(np.array(start) * fit.sigmas[-1])

            def loss(x: np.ndarray, d: dict = d) -> float:
                return -linear_loglik(
                    d["y"], d["X"], covariance_of(d, tuple(np.exp(x))), reml=True
                )[0]

            assert -minimize(loss, begin, method="Nelder-Mead").fun <= fit.log_likelihood + SAME


def test_a_third_level_that_can_t_be_told_is_refused() -> None:
    d = three_levels(7)
    with pytest.raises(Unidentified, match="units: each subgroup has one"):
        fit_linear(d["y"], d["X"], d["g"], d["s"], units=d["s"])
    with pytest.raises(Unidentified, match="units: each has one row"):
        fit_linear(d["y"], d["X"], d["g"], d["s"], units=np.arange(len(d["y"])))
    with pytest.raises(ValueError, match="nested in subgroups"):
        fit_linear(d["y"], d["X"], d["g"], units=d["u"])


def test_a_third_level_without_variance_leaves_the_other_two() -> None:
    d = three_levels(8)
    # Units dealt out at random in fours, and their means taken out: less than no variance.
    d["u"] = np.random.default_rng(8).permutation(len(d["y"])) % 6
    means = np.zeros((5, 4, 6))
    counts = np.zeros_like(means)
    noise = np.random.default_rng(9).normal(0, 1, len(d["y"]))
    np.add.at(means, (d["g"], d["s"], d["u"]), noise)
    np.add.at(counts, (d["g"], d["s"], d["u"]), 1)
    of = (d["g"], d["s"], d["u"])
    cell = np.random.default_rng(10).normal(0, 1, (5, 4))[d["g"], d["s"]]
    y = d["X"] @ [3.0, 1.0, -0.5] + cell + noise - (means / np.maximum(counts, 1))[of]
    three = fit_linear(y, d["X"], d["g"], d["s"], units=d["u"])
    two = fit_linear(y, d["X"], d["g"], d["s"])
    assert three.singular
    assert three.sigmas[2] == 0
    assert "units" in three.warnings[-1]
    np.testing.assert_allclose(three.coefficients, two.coefficients, atol=SAME)
    np.testing.assert_allclose(three.log_likelihood, two.log_likelihood, atol=SAME)
