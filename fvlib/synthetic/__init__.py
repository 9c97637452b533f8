"""`fv simulate`: a trial of known truth in the contract's files, with realistic dirt.

In: how many children, a seed, an effect, a spread between authorities. Out: `data/<refresh>/` as an
authority would send it and its params file. The truth is drawn first (`world`, `outcomes`), laid
out as histories (`care`, `plans`, `referrals`), written as text (`extract`), and only then dirtied
(`dirt`). It shares the contract with intake, and no code of the trial's.
"""
