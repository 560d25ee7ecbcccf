"""The words for yes and no, and Salesforce's types of numbers: `double(2)` has two decimals."""

NUMBER_TYPES = frozenset({"int", "long", "double", "currency", "percent"})
# What a Salesforce field means by yes. Nothing else is consent.
SALESFORCE_YES, SALESFORCE_NO = ("y", "true"), ("n", "false")
# What a customer field, or a person who types a value, means by it.
YES, NO = ("y", "yes", "true", "1"), ("n", "no", "false", "0")


def plain_type(described: str) -> str:
    """Return a described type without its decimals."""
    return described.partition("(")[0]


def decimals_of(described: str) -> int | None:
    """Return how many decimals Salesforce shows of a number, None where that is not known."""
    kind, _, decimals = described.rstrip(")").partition("(")
    if kind in {"int", "long"}:
        return 0
    return int(decimals) if decimals.isdecimal() else None
