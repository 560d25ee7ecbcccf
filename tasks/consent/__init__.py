"""The steps about consent: withdrawals written to Salesforce, and the proof of one person."""
