"""HTTP for applications that changed nothing but their `base_url`: decide and run, in the words of their own SDK."""
