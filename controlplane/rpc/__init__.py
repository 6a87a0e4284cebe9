"""Thin gRPC servicers of the control plane."""
