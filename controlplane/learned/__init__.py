"""Quality models that were made by training: kept by digest, one of them in use."""
