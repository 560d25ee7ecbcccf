"""A server on loopback that stands in for a Salesforce org, for the demo and the tests."""
