"""Proposes a data mapping from the fields that the org shows, and saves it under a new name."""

from blocks.data_mapping import DataMapping
from crm_sync.errors import ConfigurationError
from crm_sync.mapping.model import MappingRules
from crm_sync.mapping.proposal import MappingProposal, propose_mapping
from crm_sync.sobject import SObject
from tasks.run.reading import describe_object
from tasks.run.run import Run


def propose(run: Run, *, own_fields: bool) -> MappingProposal:
    """Describe leads and contacts, and return the proposal; raises MappingError when no field identifies a person."""
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
    block = DataMapping.of(rules)
    try:
        block.save(name)
    except ValueError as refusal:
        if "already in use" in str(refusal):
            raise _taken(name) from None
        raise ConfigurationError(
            f"A block cannot be named {name!r}; use small letters, digits and dashes, and run this again."
        ) from None


def _taken(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is a data mapping {name!r} already, and it was not changed; choose another name to save under."
    )
