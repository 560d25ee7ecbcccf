"""Consent: who may be mailed, since when, and by whose word; a no is never lost, delayed or undone by a run."""
