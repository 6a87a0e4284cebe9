"""The audit log: every decision, receipt, refusal and change is a leaf of one Merkle tree."""
