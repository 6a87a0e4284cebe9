"""Workloads and policies: values and rules of validity."""
