"""What people do when something went wrong: take a run back, erase a person."""
