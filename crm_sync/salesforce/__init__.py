"""The one gateway to Salesforce: log in, describe, build queries, read in bulk."""
