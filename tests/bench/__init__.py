"""Performance, measured as ratios within one run: `make bench`."""
