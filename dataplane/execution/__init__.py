"""Running a plan: attempts, breakers, retries, receipts."""
