"""Thin gRPC servicers of the worker."""
