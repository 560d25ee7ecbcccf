"""The exchange with a Deployteq account: who is who, what differs, what is sent, what is taken, and consent."""
