"""Which Salesforce org the customer database belongs to."""
