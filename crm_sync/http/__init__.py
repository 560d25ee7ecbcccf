"""What the gateways to the outside systems share."""
