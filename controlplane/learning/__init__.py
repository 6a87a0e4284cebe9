"""What is learned from results: the quality to expect of a model on a request."""
