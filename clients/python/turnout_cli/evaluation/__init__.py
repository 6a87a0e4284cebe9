"""Measures how well requests are understood and routed, on tables of prompts with known results."""
