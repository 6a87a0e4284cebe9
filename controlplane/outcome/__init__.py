"""What workers report: receipts and the health of targets."""
