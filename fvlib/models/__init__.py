"""Pure numerics: arrays in, small frozen records out. Nothing here knows the trial."""
