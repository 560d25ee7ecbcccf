"""What customers were before a run: kept for some days, so that the run can be taken back."""
