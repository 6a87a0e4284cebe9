"""Makes what the learned parts know out of tables; never imported while deciding."""
