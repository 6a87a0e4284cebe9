"""Keys, their lives, and signing with them."""
