"""What nobody outside of Deployteq knows about the interface, each as a switch."""

from dataclasses import dataclass


@dataclass
class Switches:
    """One possible Deployteq; the defaults are what is most likely."""

    left_out: str = "kept"  # or "emptied": fields that an update does not name
    bad_record: str = "fails all"  # or "fails itself": its place in the answer is nil
    several_matches: str = "first"  # or "newest", "all", "fault"
    match_case: bool = False
    answer: str = "in order"  # or "shuffled", "changed" (only what changed)
    too_long: str = "cut"  # or "refused"
    zone: str = "Europe/Amsterdam"
    default_opt_in: str = "Y"
    default_sms_opt_in: str = "N"
    clears: str = "both"  # or "empty", "nil", "neither": what clears a field
    batch_limit: int = 1000
    # Answers that say PROCESSING before a resource is READY, and what becomes of it then.
    polls: int = 1
    resource_status: str = "READY"  # or "ERROR", "CLOSED", "PROCESSING" (for good)
    lost_rows: int = 0  # rows that are missing from every page, as of a set that is no snapshot
    shifted_rows: int = 0  # rows of the page before that come again, for the same reason
    extra_field: str = ""
    lists_fields: bool = True
    # Milliseconds and so on are of no interest; an hour's difference is.
    clock_off_seconds: int = 0
