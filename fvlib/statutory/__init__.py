"""`fv import`: the local authority's side of the door.

In: one authority's statutory returns (the children in need census, SSDA903, what schools add), as
XML or CSV, and a key that stays with the authority. Out: the contract's files without identifiers,
ids hashed under the key (`pseudonym`), and an account of what was read, decided and left out, as
counts (`account`). `import_returns` is the way through; the other modules know one return each.
"""
