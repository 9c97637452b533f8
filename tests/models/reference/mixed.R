# Reference numbers for the mixed models, from other people's programs.
#
# Run from this folder: Rscript mixed.R
# Writes the data sets as CSV and every reference number to mixed.json, with the versions.
#
# Data, all public, each distributed with the R package named:
#   cbpp           lme4      Lesnoff and others (2004), Preventive Veterinary Medicine 64
#   sleepstudy     lme4      Belenky and others (2003), Journal of Sleep Research 12
#   Pastes         lme4      Davies and Goldsmith (1972), Statistical Methods in Research and Production
#   Dyestuff2      lme4      Box and Tiao (1973), Bayesian Inference in Statistical Analysis
#   bacteria       MASS      Venables and Ripley (2002), Modern Applied Statistics with S
#   Orthodont      nlme      Potthoff and Roy (1964), Biometrika 51
#   Oats           nlme      Yates (1935), Journal of the Royal Statistical Society supplement 2
#   Contraception  mlmRev    Huq and Cleland (1990), Bangladesh Fertility Survey 1989
#   wedge          drawn below: a stepped wedge of 5 clusters and 6 periods, clusters drifting
#
# Logistic models: lme4's own deviance function is polished to its minimum, and standard errors come
# from its numerical second derivatives in (beta, log sigma); glmmTMB gives Laplace's independently.

suppressMessages({
  library(lme4); library(lmerTest); library(glmmTMB); library(pbkrtest)
  library(numDeriv); library(jsonlite); library(nlme); library(MASS); library(mlmRev)
})

write_data <- function(d, name) write.csv(d, paste0(name, ".csv"), row.names = FALSE)

wedge <- local({
  set.seed(20190401)
  d <- expand.grid(cluster = 1:5, period = 0:5, unit = 1:60)
  d$treated <- as.numeric(d$period >= d$cluster)
  cl <- rnorm(5, 0, 0.4); cell <- matrix(rnorm(30, 0, 0.3), 5, 6)
  eta <- -1.2 + 0.1 * d$period - 0.3 * d$treated + cl[d$cluster] + cell[cbind(d$cluster, d$period + 1)]
  d$event <- rbinom(nrow(d), 1, plogis(eta))
  aggregate(cbind(events = event, children = 1) ~ cluster + period + treated, d, sum)
})

data(cbpp); data(sleepstudy); data(Pastes); data(Dyestuff2)
data(bacteria, package = "MASS"); data(Contraception, package = "mlmRev")
orthodont <- as.data.frame(nlme::Orthodont); oats <- as.data.frame(nlme::Oats)
orthodont$Subject <- as.character(orthodont$Subject)
oats$Block <- as.character(oats$Block); oats$Variety <- as.character(oats$Variety)
bacteria$y <- as.numeric(bacteria$y == "y")
bacteria$drug <- as.numeric(bacteria$trt != "placebo")
bacteria$late <- as.numeric(bacteria$week > 2)
contraception <- with(Contraception, data.frame(
  district = as.character(district), use = as.numeric(use == "Y"), age = age,
  livch = as.character(livch), urban = as.numeric(urban == "Y")))
# Unbalanced: rows taken out of a balanced set by rule, so that degrees of freedom are not round.
sleep_gaps <- sleepstudy[(seq_len(nrow(sleepstudy)) * 7) %% 5 != 0, ]
pastes_gaps <- Pastes[!(seq_len(nrow(Pastes)) %in% c(2, 9, 10, 17, 33, 34, 41, 58)), ]
oats_gaps <- oats[(seq_len(nrow(oats)) * 11) %% 7 != 0, ]

write_data(cbpp, "cbpp"); write_data(sleepstudy, "sleepstudy"); write_data(Pastes, "pastes")
write_data(Dyestuff2, "dyestuff2"); write_data(bacteria[, c("y", "ID", "week", "drug", "late")], "bacteria")
write_data(orthodont, "orthodont"); write_data(oats, "oats"); write_data(contraception, "contraception")
write_data(wedge, "wedge"); write_data(sleep_gaps, "sleep_gaps")
write_data(pastes_gaps, "pastes_gaps"); write_data(oats_gaps, "oats_gaps")

saturated <- function(fit) {
  y <- getME(fit, "y"); n <- weights(fit)
  sum(dbinom(round(y * n), round(n), y, log = TRUE))
}

logistic <- function(formula, data, q, offset = NULL) {
  data$.o <- if (is.null(offset)) 0 else offset
  control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-13, calc.derivs = FALSE,
                          optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
  fit <- lme4::glmer(formula, data, family = binomial, nAGQ = q, control = control, offset = .o)
  k <- length(getME(fit, "theta")); p <- length(fixef(fit))
  dev <- update(fit, devFunOnly = TRUE)
  f <- function(x) dev(c(exp(x[1:k]), x[-(1:k)]))
  x <- c(log(getME(fit, "theta")), fixef(fit))
  for (round in 1:6) { # Newton with numerical derivatives
    g <- grad(f, x, method.args = list(r = 6)); H <- hessian(f, x, method.args = list(r = 6))
    x <- x - solve(H, g)
  }
  H <- hessian(f, x, method.args = list(r = 6))
  se <- sqrt(diag(solve(H / 2)))
  ll <- -f(x) / 2
  if (q > 1) ll <- ll + saturated(fit)
  list(names = names(fixef(fit)), coefficients = unname(x[-(1:k)]), std_errors = unname(se[-(1:k)]),
       sigmas = unname(rev(exp(x[1:k]))), log_likelihood = ll, quadrature = q,
       formula = deparse1(formula), package = "lme4")
}

laplace <- function(formula, data, offset = NULL, reml = FALSE) {
  data$.o <- if (is.null(offset)) 0 else offset
  fit <- glmmTMB(formula, data, family = binomial, offset = .o, REML = reml,
                 control = glmmTMBControl(optCtrl = list(rel.tol = 1e-14, iter.max = 1e4, eval.max = 1e4)))
  list(names = names(fixef(fit)$cond), coefficients = unname(fixef(fit)$cond),
       std_errors = unname(sqrt(diag(vcov(fit)$cond))),
       sigmas = unname(rev(sapply(VarCorr(fit)$cond, function(v) attr(v, "stddev")))),
       log_likelihood = as.numeric(logLik(fit)), quadrature = 1, restricted = reml,
       formula = deparse1(formula), package = "glmmTMB")
}

linear <- function(formula, data, reml) {
  fit <- lmerTest::lmer(formula, data, REML = reml, control = lmerControl(
    optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5)))
  s <- coef(summary(fit)); v <- as.data.frame(VarCorr(fit))
  out <- list(names = rownames(s), coefficients = unname(s[, "Estimate"]),
              std_errors = unname(s[, "Std. Error"]), df = unname(s[, "df"]),
              sigmas = c(rev(v$sdcor[v$grp != "Residual"]), sigma(fit)),
              log_likelihood = as.numeric(logLik(fit)), reml = reml,
              modes = unname(ranef(fit)[[length(ranef(fit))]][, 1]),
              mode_sds = sqrt(attr(ranef(fit, condVar = TRUE)[[length(ranef(fit))]], "postVar")[1, 1, ]),
              formula = deparse1(formula), package = "lmerTest")
  if (reml) {
    V <- vcovAdj(fit)
    out$kenward_roger_std_errors <- unname(sqrt(diag(as.matrix(V))))
    out$kenward_roger_df <- sapply(seq_len(nrow(s)), function(j) {
      L <- rep(0, nrow(s)); L[j] <- 1; get_Lb_ddf(fit, L) })
  }
  out
}

b2 <- list(
  cbpp_1 = logistic(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, 1),
  cbpp_7 = logistic(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, 7),
  cbpp_25 = logistic(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, 25),
  cbpp_offset = logistic(cbind(incidence, size - incidence) ~ 1 + (1 | herd), cbpp, 7,
                         offset = as.numeric(cbpp$period) * -0.5),
  cbpp_tmb = laplace(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp),
  cbpp_restricted = laplace(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, reml = TRUE),
  bacteria_1 = logistic(y ~ drug + late + (1 | ID), bacteria, 1),
  bacteria_7 = logistic(y ~ drug + late + (1 | ID), bacteria, 7),
  bacteria_25 = logistic(y ~ drug + late + (1 | ID), bacteria, 25),
  bacteria_tmb = laplace(y ~ drug + late + (1 | ID), bacteria),
  contraception_1 = logistic(use ~ age + I(age^2) + livch + urban + (1 | district), contraception, 1),
  contraception_7 = logistic(use ~ age + I(age^2) + livch + urban + (1 | district), contraception, 7),
  contraception_tmb = laplace(use ~ age + I(age^2) + livch + urban + (1 | district), contraception),
  contraception_nested = logistic(use ~ age + I(age^2) + livch + urban + (1 | district / urban), contraception, 1),
  contraception_nested_tmb = laplace(use ~ age + I(age^2) + livch + urban + (1 | district / urban), contraception),
  wedge_7 = logistic(cbind(events, children - events) ~ factor(period) + treated + (1 | cluster), wedge, 7),
  wedge_nested = logistic(cbind(events, children - events) ~ factor(period) + treated + (1 | cluster / period), wedge, 1),
  wedge_nested_restricted = laplace(
    cbind(events, children - events) ~ factor(period) + treated + (1 | cluster / period), wedge, reml = TRUE),
  wedge_nested_tmb = laplace(cbind(events, children - events) ~ factor(period) + treated + (1 | cluster / period), wedge)
)
b1 <- list(
  sleepstudy_reml = linear(Reaction ~ Days + (1 | Subject), sleepstudy, TRUE),
  sleepstudy_ml = linear(Reaction ~ Days + (1 | Subject), sleepstudy, FALSE),
  sleep_gaps_reml = linear(Reaction ~ Days + (1 | Subject), sleep_gaps, TRUE),
  sleep_gaps_ml = linear(Reaction ~ Days + (1 | Subject), sleep_gaps, FALSE),
  orthodont_reml = linear(distance ~ age * Sex + (1 | Subject), orthodont, TRUE),
  pastes_reml = linear(strength ~ 1 + (1 | batch / cask), Pastes, TRUE),
  pastes_ml = linear(strength ~ 1 + (1 | batch / cask), Pastes, FALSE),
  pastes_gaps_reml = linear(strength ~ 1 + (1 | batch / cask), pastes_gaps, TRUE),
  oats_reml = linear(yield ~ nitro + Variety + (1 | Block / Variety), oats, TRUE),
  oats_gaps_reml = linear(yield ~ nitro + Variety + (1 | Block / Variety), oats_gaps, TRUE),
  oats_gaps_ml = linear(yield ~ nitro + Variety + (1 | Block / Variety), oats_gaps, FALSE),
  dyestuff2_reml = linear(Yield ~ 1 + (1 | Batch), Dyestuff2, TRUE)
)
versions <- sapply(c("lme4", "lmerTest", "glmmTMB", "pbkrtest", "MASS", "nlme", "mlmRev"),
                   function(p) as.character(packageVersion(p)))
write_json(list(R = R.version.string, versions = as.list(versions), logistic = b2, linear = b1),
           "mixed.json", digits = 12, pretty = TRUE, auto_unbox = TRUE)
