"""Everything that checks Turnout."""
