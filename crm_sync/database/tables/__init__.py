"""The tables of the customer database; importing the package makes `metadata` complete."""

from crm_sync.database.tables import budget, campaigns, consent, customers, deployteq, moments, safety

__all__ = ["budget", "campaigns", "consent", "customers", "deployteq", "moments", "safety"]
