"""The wire protocols: how each asks, answers, streams and refuses; pure."""
