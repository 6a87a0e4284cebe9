"""Configuration documents: bounded YAML with line numbers, and readers that collect every problem."""
