"""What both planes and every client share on the wire: envelope, errors, interceptors."""
