"""Where state lasts: SQLite or PostgreSQL behind the same protocols."""
