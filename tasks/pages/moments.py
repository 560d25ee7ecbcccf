"""The page of an export of contact moments: counts, errors by cause, and the backlog."""

from crm_sync.moments.forecast import Backlog
from crm_sync.moments.results_store import RefusedMoment
from crm_sync.moments.summary import MomentExportSummary
from crm_sync.outcomes import RefusalClass
from tasks.pages.counts import publish_counts
from tasks.pages.markdown import Markdown, escape, heading, publish_page, publish_table, table

_KEY = "contact-moment-export"
# The meaning of each class of refusal, for a person.
_MEANINGS = {
    RefusalClass.TRANSIENT: "Locked, or Salesforce was busy; the next run writes it again.",
    RefusalClass.TOO_MANY: "The org's triggers and flows take fewer records at once; the next run writes fewer.",
    RefusalClass.LIMIT: "Salesforce's allowance was used up; a later run writes it.",
    RefusalClass.TARGET_DELETED: "The lead or contact was deleted or merged; "
    "it goes after the next pull, when another is known.",
    RefusalClass.CONVERTED: "The lead was converted; it goes to the contact after the next pull.",
    RefusalClass.DATA: "Salesforce does not take its values; "
    "tried again when the moment or its lead or contact changes.",
    RefusalClass.PERMISSION: "A permission or a setting of the org; "
    "run install-contact-moment-objects, which says what is missing. Tried again once a day, or with 'refused again'.",
    RefusalClass.AUTOMATION: "A flow, a trigger or a rule of the org refuses it; its administrator finds which one in "
    "the message (moment_export). Tried again once a day, or with 'refused again'.",
    RefusalClass.UNKNOWN: "A code that is not known here; the next runs write it again, then once a day.",
}


def publish_moments(summary: MomentExportSummary) -> None:
    """Leave the counts, the errors by cause and the backlog; no messages, which may hold values."""
    publish_page(
        f"{_KEY}-summary",
        "Contact moment export",
        summary.sentence(),
        escape(f"Forecast: {summary.forecast.sentence()}."),
        publish_counts(f"{_KEY}-counts", "moments", summary),
        Markdown("Unchanged: what Salesforce has is what would be written, so no request was made for it."),
        heading("What waits"),
        table(
            ("", "moments", "the first since", "through by"),
            [
                _waiting("for another run", summary.left),
                _waiting("for their customer to have a lead or contact", summary.without_record),
                ("refused, from this run and earlier ones", summary.refused_in_all, None, None),
            ],
        ),
        Markdown(
            f"Salesforce requests: {summary.requests_used}. {summary.seconds:.1f} s, "
            f"{summary.moments_per_second:,.0f} moments a second."
        ),
        state=summary.state,
    )
    if summary.refusals:
        errors = [
            {"object": sobject, "code": code, "moments": moments, "meaning": _MEANINGS[RefusalClass(row_class)]}
            for sobject, row_class, code, moments in summary.refusals
        ]
        said = f"{summary.total.refused:,} contact moments were refused"
        publish_table(f"{_KEY}-errors", errors, f"{said}, by cause.")
        refused = [_refused(moment) for moment in summary.refused_moments]
        publish_table(f"{_KEY}-refused", refused, f"{said}, one by one.", in_all=summary.total.refused)


def _refused(moment: RefusedMoment) -> dict[str, str | int]:
    # A sender may have made its key of an address, which has no place on a page.
    key = "" if "@" in moment.moment_id else moment.moment_id
    return {
        "object": moment.sobject,
        "code": moment.error_code,
        "moment": key,
        "lead or contact": moment.parent_id,
        "tries": moment.attempts,
    }


def _waiting(why: str, backlog: Backlog) -> tuple[object, ...]:
    since = f"{backlog.since:%Y-%m-%d %H:%M} UTC" if backlog.since else None
    through = f"about {backlog.through_at:%Y-%m-%d %H:%M} UTC" if backlog.through_at else None
    return why, backlog.moments, since, through
