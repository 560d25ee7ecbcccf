"""The exchange with a Deployteq account, step by step."""
