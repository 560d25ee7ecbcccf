"""The page of a proposed data mapping, to read and to copy from."""

from crm_sync.mapping.model import CustomerFieldKind
from crm_sync.mapping.proposal import MappingProposal, ProposedLink
from crm_sync.mapping.unstamped import FormulaReading
from crm_sync.mapping.yaml_file import write_mapping
from tasks.pages.markdown import Markdown, bold, bullets, code, escape, heading, publish_page, table


def publish_proposal(proposal: MappingProposal) -> None:
    """Leave the proposed links as a table, the fields left over, and the mapping as YAML to copy."""
    left_over = [
        f"{sobject}: {', '.join(f'{field.name} ({field.type})' for field in fields) or 'none'}"
        for sobject, fields in proposal.left_over.items()
    ]
    publish_page(
        "mapping-proposal",
        "Proposed data mapping",
        proposal.sentence(),
        *(
            Markdown(
                f"{bold(f'No field of {sobject} says who may be mailed')}: link one to opt_in, or nobody is, and "
                "Salesforce will not know who says no here."
            )
            for sobject in proposal.without_opt_in
        ),
        *(
            Markdown(
                f"{bold(name)} sounds as if true meant No. To fill opt_in or sms_opt_in from it, tick 'Says the "
                "opposite' if so."
            )
            for name in proposal.sound_like_no
        ),
        *(
            part
            for sobject in dict.fromkeys(link.sobject for link in proposal.links)
            for part in (
                heading(sobject),
                table(
                    ("Salesforce field", "label", "type", "goes into", "because"),
                    [_row(link) for link in proposal.links if link.sobject == sobject],
                ),
            )
        ),
        heading("Fields that nothing is proposed for"),
        bullets(left_over),
        heading("The same as a file"),
        Markdown("Keep it under version control, change what you like, and load it into the block `mapping`:"),
        code("python -m deployments.load_mapping mapping.yaml"),
        code(write_mapping(proposal.rules), "yaml"),
    )


def _row(proposed: ProposedLink) -> tuple[object, ...]:
    field, link = proposed.field, proposed.link
    option = " (option)" if link.kind is CustomerFieldKind.OPTION else ""
    unique = f" {bold('unique')}" if link.unique else ""
    opposite = " (says the opposite)" if link.opposite else ""
    target = Markdown(f"{escape(link.name)}{option}{unique}{opposite}")
    weekly = f"; {FormulaReading.WITH_FULL_SYNC.comes}" if field.calculated else ""
    return field.name, field.label, field.type, target, proposed.because + weekly
