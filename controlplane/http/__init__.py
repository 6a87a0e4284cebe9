"""The control plane over HTTP: the same servicers, rules and tokens as over gRPC, with JSON around them."""
