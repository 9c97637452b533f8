"""Tables of the report: ready text in, a great-tables object out. `names` knows them all."""
