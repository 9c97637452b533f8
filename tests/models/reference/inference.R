# Reference numbers for pooling, adjusting and combining: run from this folder, Rscript inference.R
# mice::pool.scalar (Barnard-Rubin degrees of freedom, fmi), stats::p.adjust, metafor::rma.uni.
suppressMessages({ library(mice); library(metafor); library(jsonlite) })
q <- c(0.412, 0.377, 0.455, 0.398, 0.421, 0.362, 0.447, 0.405)
u <- c(0.0201, 0.0195, 0.0220, 0.0207, 0.0199, 0.0213, 0.0204, 0.0210)
wide <- c(-0.5, 0.9, 0.1, 1.4, -0.2)
v <- c(0.04, 0.05, 0.06, 0.05, 0.04)
pool <- function(q, u, dfcom) {
  s <- pool.scalar(q, u, n = dfcom + 1, k = 1)
  list(estimate = s$qbar, variance = s$t, df = s$df, fmi = s$fmi)
}
p <- c(0.021, 0.004, 0.049, 0.3, 0.021, 0.012)
b <- c(-0.21, -0.05, 0.12); s <- c(0.11, 0.2, 0.15)
r <- rma.uni(yi = b, sei = s, method = "FE")
write_json(list(
  R = R.version.string, mice = as.character(packageVersion("mice")), metafor = as.character(packageVersion("metafor")),
  q = q, u = u, wide = wide, v = v,
  narrow_inf = pool(q, u, 1e12), narrow_19 = pool(q, u, 19),
  wide_inf = pool(wide, v, 1e12), wide_19 = pool(wide, v, 19),
  p = p, hochberg = p.adjust(p, "hochberg"),
  b = b, s = s, combined = list(estimate = as.numeric(r$beta), se = r$se, Q = r$QE, Qp = r$QEp),
  interval = list(normal = c(0.3 + c(-1, 1) * qnorm(0.975) * 0.2, 2 * pnorm(-1.5)),
                  t19 = c(0.3 + c(-1, 1) * qt(0.975, 19) * 0.2, 2 * pt(-1.5, 19)),
                  tail = 2 * pnorm(-12))
), "inference.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
