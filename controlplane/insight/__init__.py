"""What is learned from the log by folding it: figures, segments, and the list of decisions."""
