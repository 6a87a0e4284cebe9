"""What kind of work a request is and how much it asks."""
