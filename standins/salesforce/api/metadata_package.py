"""The zip of a metadata deployment: its components, and the custom objects among them."""

import io
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree

from standins.salesforce.api.soap import parsed_xml
from standins.salesforce.errors import SalesforceError
from standins.salesforce.org.deployments import Component
from standins.salesforce.schema.common_fields import reference
from standins.salesforce.schema.custom_objects import custom_object
from standins.salesforce.schema.fields import Field, SObject

_FOLDERS = {
    "CustomObject": ("objects", "object"),
    "CustomTab": ("tabs", "tab"),
    "Layout": ("layouts", "layout"),
    "PermissionSet": ("permissionsets", "permissionset"),
}
_INSIDE_OBJECTS = ("CustomField", "CompactLayout", "ListView", "ValidationRule")
_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Url": "url",
    "Email": "email",
    "Phone": "phone",
    "Checkbox": "boolean",
    "Number": "double",
    "Percent": "double",
    "Currency": "currency",
    "Date": "date",
    "DateTime": "datetime",
    "Picklist": "picklist",
}
_LENGTHS = {"TextArea": 255, "Url": 255, "Email": 80, "Phone": 40, "Picklist": 255}
_PARENTS = ("Lookup", "MasterDetail")


def components(content: bytes) -> list[Component]:
    """Return the package's components; raise SalesforceError INVALID_ZIP_FILE for any other content."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    except zipfile.BadZipFile as error:
        raise SalesforceError(500, "INVALID_ZIP_FILE", "The zip file could not be read") from error
    package = next((name for name in files if name.rpartition("/")[2] == "package.xml"), None)
    if package is None:
        raise SalesforceError(500, "INVALID_ZIP_FILE", "No package.xml found")
    root = package.removesuffix("package.xml")
    try:
        return list(_components(files, parsed_xml(files[package]), root))
    except ElementTree.ParseError as error:
        raise SalesforceError(500, "INVALID_ZIP_FILE", f"Error parsing package.xml: {error}") from error


def _components(files: dict[str, bytes], package: ElementTree.Element, root: str) -> Iterator[Component]:
    for types in package.findall("types"):
        kind = types.findtext("name", "")
        if kind in _INSIDE_OBJECTS:
            continue
        if kind not in _FOLDERS:
            yield Component(kind, "", "package.xml", problem=f"Unknown type name '{kind}' specified in package.xml")
            continue
        folder, ending = _FOLDERS[kind]
        for member in types.findall("members"):
            name = member.text or ""
            yield _component(kind, name, f"{root}{folder}/{name}.{ending}", files)


def _component(kind: str, name: str, file: str, files: dict[str, bytes]) -> Component:
    if file not in files:
        problem = f"An object '{name}' of type {kind} was named in package.xml, but was not found in zipped directory"
        return Component(kind, name, file, problem=problem)
    try:
        document = parsed_xml(files[file])
        sobject = _sobject(name, document) if kind == "CustomObject" else None
    except (ElementTree.ParseError, ValueError) as error:
        return Component(kind, name, file, problem=f"Error parsing file: {error}")
    if kind == "CustomObject" and document.find("externalSharingModel") is not None:
        # As in every org without Experience Cloud, unless its administrator has switched that on.
        return Component(kind, name, file, problem=f"Can't specify an external sharing model for {name}")
    return Component(kind, name, file, sobject)


def _sobject(name: str, document: ElementTree.Element) -> SObject | None:
    """Return the custom object; the file of a standard object has no effect here."""
    if not name.endswith("__c"):
        return None
    label = document.findtext("label", name)
    plural = document.findtext("pluralLabel", f"{label}s")
    number_format = document.findtext("nameField/displayFormat", "")
    fields = [_field(found) for found in document.findall("fields")]
    return custom_object(name, label, *fields, label_plural=plural, number_format=number_format)


def _field(document: ElementTree.Element) -> Field:
    name, kind = document.findtext("fullName", ""), document.findtext("type", "")
    label, required = document.findtext("label", name), document.findtext("required") == "true"
    if not name.endswith("__c"):
        raise ValueError(f"the name of a custom field has to end in __c: {name}")
    if kind in _PARENTS:
        target = document.findtext("referenceTo", "")
        return reference(name, label, target, nillable=not required and kind == "Lookup")
    if kind not in _TYPES:
        raise ValueError(f"invalid type of {name}: {kind}")
    flag = kind == "Checkbox"
    return Field(
        name,
        label,
        _TYPES[kind],
        length=int(document.findtext("length", str(_LENGTHS.get(kind, 0)))),
        precision=int(document.findtext("precision", "0")),
        scale=int(document.findtext("scale", "0")),
        nillable=not required and not flag,
        defaulted=flag,
        default=False if flag else None,
        external_id=document.findtext("externalId") == "true",
        unique=document.findtext("unique") == "true",
        values=tuple(value.text or "" for value in document.findall("valueSet/valueSetDefinition/value/fullName")),
        restricted=document.findtext("valueSet/restricted") == "true",
    )
