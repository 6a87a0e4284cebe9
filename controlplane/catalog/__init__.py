"""Models and deployments: values, rules of validity, loading, commands."""
