"""What a model answers: text, values for a JSON schema, tool calls; pure, and repeatable by seed."""
