"""Why an outside system refused a record."""

from enum import StrEnum


class RefusalClass(StrEnum):
    """Why a record was refused, named by the writer's next step."""

    TRANSIENT = "transient"  # write it again a little later
    TOO_MANY = "too_many"  # write it again with fewer others: the org's triggers have limits for all of them together
    LIMIT = "limit"  # stop writing until Salesforce takes requests again
    TARGET_DELETED = "target_deleted"  # the record, or one it refers to, is deleted or merged
    CONVERTED = "converted"  # a converted lead; its contact stands for it
    DATA = "data"  # its values are invalid; the same ones will never be accepted
    PERMISSION = "permission"  # a permission or a setting of the org; for an administrator
    AUTOMATION = "automation"  # a flow, trigger or rule of the org; for an administrator
    UNKNOWN = "unknown"  # a code that is in no list; a later run tries it again
