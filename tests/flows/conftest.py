"""A stand-in org with invented people, and the three blocks that lead from it into an empty customer database."""
