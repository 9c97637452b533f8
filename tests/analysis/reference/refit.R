# Refits an analysis from what `fv export` wrote, in lme4, and prints what the report should say.
#
#   Rscript refit.R ROWS.csv logistic | linear | repeated | repeated-nested
#
# The formula is written here again from the protocol, not taken from the project: treatment and
# periods, the covariates that the file has, and
#   logistic         an intercept for each LA, by adaptive Gauss-Hermite quadrature with 7 nodes
#   linear           an intercept for each LA
#   repeated         one for each LA and for each child in it, with term and time since referral
#   repeated-nested  likewise with one for each LA and period between them
# Linear models by REML, degrees of freedom by Satterthwaite (lmerTest).
# Output: one line of JSON with treatment's estimate, std_error, df and the standard deviations.
suppressPackageStartupMessages({library(lme4); library(lmerTest)})

arguments <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(arguments[1])
kind <- arguments[2]
# Codes are levels also where they look like numbers (period, main need).
numbers <- c("child", "value", "treated", "time_since_referral", "la_fsm_share",
             "la_white_british_share", "other_programme")
for (name in setdiff(names(rows), numbers)) rows[[name]] <- factor(rows[[name]])
covariates <- setdiff(names(rows), c("child", "la", "value"))
varies <- sapply(rows[covariates], function(x) length(unique(x)) > 1)
fixed <- paste(covariates[varies], collapse = " + ")

if (kind == "logistic") {
  # Children with the same covariates are one row of counts: the same likelihood, much faster.
  key <- do.call(paste, c(rows[c("la", covariates)], sep = "\r"))
  events <- tapply(rows$value, key, sum)
  one <- rows[!duplicated(key), ]
  at <- match(key[!duplicated(key)], names(events))
  one$events <- as.vector(events)[at]
  one$children <- as.vector(table(key)[names(events)])[at]
  formula <- as.formula(paste("cbind(events, children - events) ~", fixed, "+ (1 | la)"))
  fit <- lme4::glmer(formula, one, family = binomial, nAGQ = 7, control = glmerControl(
    optimizer = "bobyqa", tolPwrss = 1e-10, calc.derivs = TRUE,
    optCtrl = list(rhoend = 1e-8, maxfun = 1e5)))
  table <- summary(fit)$coefficients
  df <- Inf
} else {
  intercepts <- c(linear = "(1 | la)", repeated = "(1 | la / child)",
                  "repeated-nested" = "(1 | la / period / child)")[[kind]]
  formula <- as.formula(paste("value ~", fixed, "+", intercepts))
  fit <- lmerTest::lmer(formula, rows, REML = TRUE, control = lmerControl(
    optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5)))
  table <- summary(fit)$coefficients
  df <- table["treated", "df"]
}
sds <- as.data.frame(VarCorr(fit))
cat(sprintf('{"estimate": %.12g, "std_error": %.12g, "df": %s, "rows": %d, "sigmas": {%s}}\n',
            table["treated", 1], table["treated", 2],
            if (is.finite(df)) sprintf("%.8g", df) else "null", nrow(rows),
            paste(sprintf('"%s": %.10g', sds$grp, sds$sdcor), collapse = ", ")))
