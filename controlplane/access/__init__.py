"""Who may call, known by hashed tokens."""
