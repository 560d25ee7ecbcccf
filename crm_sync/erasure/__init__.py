"""A person can be erased, and stays erased."""
