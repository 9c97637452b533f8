# Reference numbers for multiple imputation, from mice (van Buuren and Groothuis-Oudshoorn 2011,
# Journal of Statistical Software 45, doi 10.18637/jss.v045.i03).
#
# Run from this folder: Rscript imputation.R
# Writes the data as counts of patterns (imputation.csv) and mice's numbers (imputation.json).
#
# Data drawn below: area (4 levels) and y complete; need (3 levels) and disabled (2) missing at
# random given area and y. disabled is imputed by mice's logreg, need by `polydraw` below: mice's
# own polyreg doesn't draw the parameters of its model, and its standard errors are then too small
# (0.1175 and 0.1571 for need here, where drawing gives what stands in the JSON).

suppressMessages({ library(mice); library(jsonlite) })

set.seed(20191001)
n <- 2400
area <- sample(1:4, n, TRUE, c(0.4, 0.3, 0.2, 0.1))
disabled <- rbinom(n, 1, plogis(-1.2 + 0.3 * area))
eta <- cbind(0, -0.6 + 0.8 * disabled, -1.4 + 0.4 * area - 0.5 * disabled)
p <- exp(eta) / rowSums(exp(eta))
need <- apply(p, 1, function(q) sample(3, 1, prob = q))
y <- rbinom(n, 1, plogis(-1.5 + 0.7 * (need == 2) - 0.6 * (need == 3) + 0.8 * disabled + 0.2 * area))
need[runif(n) < plogis(-1.6 + 1.0 * y + 0.3 * (area == 2))] <- NA
disabled[runif(n) < plogis(-0.9 - 0.9 * y + 0.4 * (area == 3))] <- NA
d <- data.frame(
  area = factor(area), y = factor(y),
  need = factor(need, levels = 1:3), disabled = factor(disabled, levels = 0:1)
)
counts <- as.data.frame(table(d, useNA = "ifany"), responseName = "count")
write.csv(counts[counts$count > 0, ], "imputation.csv", row.names = FALSE, na = "")

# Multinomial logit with its parameters drawn from the normal approximation, as logreg draws its.
mice.impute.polydraw <- function(y, ry, x, wy = NULL, ...) {
  if (is.null(wy)) wy <- !ry
  known <- data.frame(y = factor(y[ry]), x[ry, , drop = FALSE])
  fit <- nnet::multinom(y ~ ., known, Hess = TRUE, trace = FALSE, maxit = 200)
  b <- t(coef(fit))
  b[] <- MASS::mvrnorm(1, as.vector(b), vcov(fit))
  eta <- cbind(0, cbind(1, x[wy, , drop = FALSE]) %*% b)
  p <- exp(eta - apply(eta, 1, max))
  levels(y)[apply(p, 1, function(q) sample(ncol(eta), 1, prob = q))]
}

m <- 200
imp <- mice(d, m = m, maxit = 10, method = c("", "", "polydraw", "logreg"), seed = 1, print = FALSE)
share <- function(v) sapply(levels(d[[v]]), function(l) mean(unlist(imp$imp[[v]]) == l))
fits <- lapply(1:m, function(i) {
  coef(summary(glm(y ~ need + disabled + area, binomial, complete(imp, i))))[, 1:2]
})
q <- sapply(fits, function(f) f[, 1])
u <- sapply(fits, function(f) f[, 2]^2)
writeLines(toJSON(list(
  m = m,
  imputed_share = list(need = as.list(share("need")), disabled = as.list(share("disabled"))),
  terms = rownames(q),
  estimate = rowMeans(q), within = rowMeans(u), between = apply(q, 1, var),
  versions = list(R = R.version.string, mice = as.character(packageVersion("mice")))
), digits = 8, auto_unbox = TRUE, pretty = TRUE), "imputation.json")
