"""Whether a decision may run here and now."""
