"""The page of a check or an installation of the contact moment objects."""

from crm_sync.moments.object_checks import MomentObjectsReport
from tasks.pages.markdown import bullets, escape, heading, publish_page, table


def publish_moment_objects(report: MomentObjectsReport) -> None:
    """Leave the state of each object, what was installed, and what is left to do by hand."""
    rows = [
        (
            one.name,
            "in place" if not (one.missing or one.unfit) else "incomplete" if one.exists else "missing",
            one.fields,
        )
        for one in report.objects
    ]
    sections = {
        "What is wrong": report.problems,
        "Installed now": [f"{kind}: {', '.join(names)}" for kind, names in report.installed.items()],
        "Left to do by hand, if it is not done yet": report.by_hand(),
    }
    parts = [part for title, entries in sections.items() if entries for part in (heading(title), bullets(entries))]
    publish_page(
        "contact-moment-objects",
        "Contact moment objects",
        report.sentence(),
        table(("object", "", "fields"), rows),
        *parts,
        escape(f"Salesforce requests: {report.requests_used}, at {report.org_host}."),
    )
