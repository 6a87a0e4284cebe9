"""Reports receipts and health to the control plane."""
