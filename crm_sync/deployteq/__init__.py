"""The gateway to a Deployteq account: its SOAP interface, read by name."""
