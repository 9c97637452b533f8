"""Figures of the report: released numbers in, a plot out. `names` knows them all."""
