"""Bounds of the numbers that people type: what every database, form and calendar takes, and nobody means more."""

# A hundred years.
LONGEST_DAYS = 36_500
# The highest number that a form in a browser holds exactly.
MOST = 2**53 - 1
