"""Proposing a data mapping from what the org shows, and leaving it as a page to read and to copy from."""

from collections.abc import Iterator

from prefect.artifacts import create_markdown_artifact

from blocks.data_mapping import DataMapping
from crm_sync.errors import ConfigurationError
from crm_sync.mapping.model import CustomerFieldKind, MappingRules
from crm_sync.mapping.proposal import MappingProposal, ProposedLink, propose_mapping
from crm_sync.mapping.yaml_file import write_mapping
from crm_sync.sobject import SObject
from tasks.pull.mapping import describe_object
from tasks.run.run import Run


def propose(run: Run, *, own_fields: bool) -> MappingProposal:
    """Describe leads and contacts, and return the proposal; raises MappingError when nobody can be told apart."""
    described = {sobject: describe_object(run.org, str(sobject)) for sobject in (SObject.CONTACT, SObject.LEAD)}
    return propose_mapping(described, own_fields=own_fields)


def refuse_taken_name(name: str) -> None:
    """Raise ConfigurationError when a saved data mapping has that name: nobody's mapping is written over."""
    try:
        DataMapping.load(name, validate=False)
    except ValueError:  # Prefect's answer for a block that is not there
        return
    raise _taken(name)


def save_proposal(rules: MappingRules, name: str) -> None:
    """Save the mapping as a new block; raises ConfigurationError when there is one, or the name cannot be one."""
    block = DataMapping(contact=rules.contact, lead=rules.lead, precedence=rules.precedence)
    try:
        block.save(name)
    except ValueError as refusal:
        if "already in use" in str(refusal):
            raise _taken(name) from None
        raise ConfigurationError(
            f"A block cannot be named {name!r}; use small letters, digits and dashes, and run this again."
        ) from None


def publish_proposal(proposal: MappingProposal) -> None:
    """Leave the proposed links as a table, the fields left over, and the mapping as YAML to copy."""
    lines = ["## Proposed data mapping", "", proposal.sentence()]
    for sobject in proposal.without_opt_in:
        lines += ["", f"**No field of {sobject} says who may be mailed**: link one to opt_in, or nobody is."]
    lines += ["", "| object | Salesforce field | label | type | goes into | because |", "| - | - | - | - | - | - |"]
    lines += [_row(proposed) for proposed in proposal.links]
    lines += ["", "### Fields that nothing is proposed for", "", *_left_over(proposal)]
    lines += ["", "### The same as a file", ""]
    lines += ["Keep it under version control, change what you like, and load it into the block `mapping`:", ""]
    lines += ["```", "python -m deployments.load_mapping mapping.yaml", "```", ""]
    lines += ["```yaml", write_mapping(proposal.rules).rstrip(), "```"]
    create_markdown_artifact("\n".join(lines), key="mapping-proposal", description=proposal.sentence())


def _row(proposed: ProposedLink) -> str:
    field, link = proposed.field, proposed.link
    option = " (option)" if link.kind is CustomerFieldKind.OPTION else ""
    marks = (" **unique**" if link.unique else "") + (" (says the opposite)" if link.opposite else "")
    cells = (proposed.sobject, field.name, _cell(field.label), field.type, f"{link.name}{option}{marks}")
    return f"| {' | '.join(cells)} | {proposed.because} |"


def _left_over(proposal: MappingProposal) -> Iterator[str]:
    for sobject, fields in proposal.left_over.items():
        shown = ", ".join(f"{field.name} ({field.type})" for field in fields)
        yield f"- {sobject}: {shown or 'none'}"


def _cell(label: str) -> str:
    """Return a label that an admin typed as text that cannot end its cell."""
    return " ".join(label.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _taken(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is a data mapping {name!r} already, and it was not changed; choose another name to save under."
    )
