"""What a run would do to many people at once is held back until a person approves."""
