"""The deployments of the exchange with a Deployteq account; imported only where such an account is connected."""

from prefect.schedules import Cron

from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.saved_block import SavedBlock
from deployments.kept_schedules import BY_DEFAULT
from flows.deployteq_exchange import EVERY, deployteq_exchange
from flows.deployteq_pairing import deployteq_pairing
from flows.deployteq_reconcile import deployteq_reconcile

EXCHANGE, PAIRING, RECONCILE = deployteq_exchange, deployteq_pairing, deployteq_reconcile
EXCHANGE_EVERY = EVERY
# Nothing else runs at that time of the night.
NIGHTLY = Cron("36 1 * * *", timezone="Europe/Amsterdam", slug=BY_DEFAULT)

BLOCKS: dict[str, tuple[type[SavedBlock], str]] = {
    "account": (DeployteqAccount, "deployteq"),
    "delivery": (DeployteqDelivery, "deployteq-delivery"),
}
