"""sObjects in the shape of a recorded describe."""

from typing import Any

from standins.salesforce.schema.fields import COMPOUND, Field, SObject

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "double": "xsd:double",
    "currency": "xsd:double",
    "int": "xsd:int",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
    "location": "urn:location",
}
_IDS = ("id", "reference")
_NUMBERS = ("double", "currency")
_UTF8_WIDTH = 3
_SEARCH_FILTERS = (
    "AccountId", "ParentId", "ReportsToId", "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId",
)  # fmt: skip
_NEVER = (
    "aiPredictionField", "cascadeDelete", "caseSensitive", "dependentPicklist", "deprecatedAndHidden",
    "displayLocationInDecimal", "encrypted", "formulaTreatNullNumberAsZero", "highScaleNumber", "htmlFormatted",
    "restrictedDelete", "writeRequiresMasterRead",
)  # fmt: skip
_ABSENT = (
    "calculatedFormula", "controllerName", "defaultValueFormula", "filteredLookupInfo", "inlineHelpText", "mask",
    "maskType", "referenceTargetField", "relationshipOrder",
)  # fmt: skip
_OBJECT_NEVER = ["activateable", "customSetting", "deepCloneable", "deprecatedAndHidden", "hasSubtypes", "isInterface"]
_OBJECT_USUALLY = (
    "createable", "deletable", "feedEnabled", "layoutable", "mergeable", "mruEnabled", "queryable", "replicateable",
    "retrieveable", "searchable", "triggerable", "undeletable", "updateable",
)  # fmt: skip
_FULL_ABSENT = (
    "defaultImplementation", "extendedBy", "extendsInterfaces", "implementedBy", "implementsInterfaces",
    "listviewable", "lookupLayoutable", "networkScopeFieldName",
)  # fmt: skip


def describe_object(sobject: SObject, version: str) -> dict[str, Any]:
    """Return the answer of `/sobjects/<name>/describe`."""
    described = summary(sobject, version) | dict.fromkeys(_FULL_ABSENT)
    return described | {
        "actionOverrides": [],
        "childRelationships": [],
        "compactLayoutable": True,
        "fields": [describe_field(field) for field in sobject],
        "isSubtype": False,
        "namedLayoutInfos": [],
        "recordTypeInfos": [_master_record_type(sobject, version)],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {sobject.label_plural.lower()}", "name": "everything"}],
    }


def summary(sobject: SObject, version: str) -> dict[str, Any]:
    """Return the entry of one sObject in the answer of `/sobjects`."""
    base = f"/services/data/v{version}/sobjects/{sobject.name}"
    return {
        **dict.fromkeys(_OBJECT_NEVER, False),
        **dict.fromkeys(_OBJECT_USUALLY, True),
        **dict.fromkeys(sobject.refuses, False),
        "custom": sobject.name.endswith("__c"),
        "associateEntityType": None,
        "associateParentEntity": None,
        "keyPrefix": sobject.prefix,
        "label": sobject.label or sobject.name,
        "labelPlural": sobject.label_plural,
        "name": sobject.name,
        "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
    }


def describe_field(field: Field) -> dict[str, Any]:
    """Return the entry of one field in a describe."""
    return {
        **dict.fromkeys(_NEVER, False),
        **dict.fromkeys(_ABSENT),
        "autoNumber": bool(field.number_format),
        "aggregatable": field.sortable and field.type != "boolean",
        "calculated": field.calculated,
        "byteLength": field.length if field.type in _IDS else field.length * _UTF8_WIDTH,
        "compoundFieldName": field.compound,
        "createable": field.createable,
        "custom": field.custom,
        **({"encrypted": True} if field.type == "encryptedstring" else {}),
        "defaultValue": field.default,
        "defaultedOnCreate": field.defaulted,
        "digits": field.digits,
        "externalId": field.external_id,
        "extraTypeInfo": field.extra,
        "filterable": field.filterable,
        "groupable": field.sortable and field.type not in (*_NUMBERS, "datetime"),
        "idLookup": field.type in ("id", "email") or field.external_id,
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "namePointing": len(field.refers_to) > 1,
        "nillable": field.nillable,
        "permissionable": _permissionable(field),
        "picklistValues": [_picklist_value(field, value) for value in field.values],
        "polymorphicForeignKey": len(field.refers_to) > 1,
        "precision": field.precision,
        "queryByDistance": field.type in COMPOUND,
        "referenceTo": list(field.refers_to),
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": field.name in _SEARCH_FILTERS,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }


def _permissionable(field: Field) -> bool:
    written = field.createable or field.type in COMPOUND
    return field.custom or (field.nillable and written and field.compound != "Name")


def _picklist_value(field: Field, value: str) -> dict[str, Any]:
    default = value == field.default
    return {"active": True, "defaultValue": default, "label": value, "validFor": None, "value": value}


def _master_record_type(sobject: SObject, version: str) -> dict[str, Any]:
    layout = f"/services/data/v{version}/sobjects/{sobject.name}/describe/layouts/012000000000000AAA"
    return dict.fromkeys(("active", "available", "defaultRecordTypeMapping", "master"), True) | {
        "developerName": "Master",
        "name": "Master",
        "recordTypeId": "012000000000000AAA",
        "urls": {"layout": layout},
    }
