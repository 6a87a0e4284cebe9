"""Use cases of routing: decide and sign, decide many, explain, classify."""
