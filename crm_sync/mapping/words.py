"""The words for yes and no, and Salesforce's types of numbers."""

NUMBER_TYPES = frozenset({"int", "long", "double", "currency", "percent"})
# What a Salesforce field means by yes. Nothing else is consent.
SALESFORCE_YES, SALESFORCE_NO = ("y", "true"), ("n", "false")
# What a customer field, or a person who types a value, means by it.
YES, NO = ("y", "yes", "true", "1"), ("n", "no", "false", "0")
