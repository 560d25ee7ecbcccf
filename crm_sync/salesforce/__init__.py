"""The one gateway to Salesforce, by Salesforce's own chapters: login, schema, read, write, metadata."""
