"""How customers go to a Deployteq account, as saved in Prefect."""

from pydantic import ConfigDict

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.exchange.settings import ExchangeSettings


class DeployteqDelivery(SavedBlock, ExchangeSettings):
    """What is written to Deployteq and what is taken from there."""

    _block_type_name = "Deployteq delivery"
    _block_type_slug = "deployteq-delivery"
    _description = "The fields that identify customers in Deployteq, the outbox group, and the first delivery."

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("identity"))
