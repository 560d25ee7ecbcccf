"""Every figure of Deployteq that we plan with. Most are unknown; these are cautious, and settings where they matter."""

# Of the interface, fault 105 beyond it.
PAGE = 50
BATCH = 100
# Bytes; such a batch has a hundredth of it, as a rule.
LARGEST_ANSWER = 1 << 25
# Seconds between two looks at a result that is not ready, and how many of them are waited for at most.
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WAIT = 1.0, 30.0, 600.0

VERSION = "1.24"
