"""Why an outside system refused a record."""

from enum import StrEnum


class RefusalClass(StrEnum):
    """Why a record was refused, named by what its writer does."""

    TRANSIENT = "transient"  # write it again a little later
    LIMIT = "limit"  # stop writing; it goes when Salesforce takes requests again
    TARGET_DELETED = "target_deleted"  # the record, or one it refers to, is deleted or merged
    CONVERTED = "converted"  # a converted lead; its contact stands for it
    DATA = "data"  # its values cannot be; the same ones will never do
    PERMISSION = "permission"  # a permission, a setting or code of the org; for an administrator
