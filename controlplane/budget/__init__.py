"""Budgets and limits: what may be spent, by whom, in which time; held when deciding, booked when executed."""
