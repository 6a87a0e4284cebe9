"""Everything that must last, written in groups: one transaction for all that wait at the same moment."""
