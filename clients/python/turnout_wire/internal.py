"""As whom the control plane presents the decisions that it makes for itself; no caller can have these names."""

TENANT = "turnout:internal"
PRESENTER = "control-plane"
