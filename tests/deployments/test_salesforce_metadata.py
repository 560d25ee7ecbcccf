"""The Salesforce objects that we ship: whole, in agreement with the names we write to, and a package that deploys."""

import io
import json
import zipfile
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

import pytest

from crm_sync.moments.objects import MomentObject, MomentObjects
from crm_sync.salesforce.limits import API_VERSION
from crm_sync.salesforce.metadata.package import METADATA_NAMESPACE, build_package
from crm_sync.sobject import SObject
from standins.salesforce.api.metadata_package import components

PROJECT = Path(__file__).resolve().parents[2] / "deployments" / "salesforce"
SOURCE = PROJECT / "force-app" / "main" / "default"
FILES = sorted(SOURCE.rglob("*-meta.xml"))
BOTH = MomentObjects().both
TYPES = {"_at": "DateTime", "opens": "Number", "clicks": "Number", "online_version": "Url"}
# Salesforce's own limits.
_LONGEST_LABEL, _LONGEST_HELP, _MOST_COMPACT_FIELDS = 40, 510, 10


def read(path: Path) -> ElementTree.Element:
    """Return a file's document without its namespace."""
    document = ElementTree.parse(path).getroot()  # noqa: S314  # our own file
    assert document.tag.startswith(f"{{{METADATA_NAMESPACE}}}"), path
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    return document


def layout_of(moments: MomentObject) -> str:
    """Return the full name of the page layout that Salesforce makes, and shows to everybody, for a new object.

    A layout of any other name would have to be assigned to each profile by hand.
    """
    label = read(SOURCE / "objects" / moments.name / f"{moments.name}.object-meta.xml").findtext("label")
    return f"{moments.name}-{label} Layout"


def fields_of(moments: MomentObject) -> dict[str, ElementTree.Element]:
    """Return the field files of an object."""
    found = (read(path) for path in SOURCE.glob(f"objects/{moments.name}/fields/*"))
    return {field.findtext("fullName", ""): field for field in found}


@pytest.fixture
def files() -> dict[str, bytes]:
    """Return the files of the zip."""
    with zipfile.ZipFile(io.BytesIO(build_package(PROJECT).content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("moments", BOTH, ids=lambda moments: moments.name)
def test_fields_are_those_that_the_export_writes(moments: MomentObject) -> None:
    fields = fields_of(moments)

    assert set(fields) == {moments.lookup, *moments.fields.values()}
    for holds, name in moments.fields.items():
        wanted = next((kind for ending, kind in TYPES.items() if holds.endswith(ending)), "Text")
        assert fields[name].findtext("type") == wanted, name


@pytest.mark.parametrize("moments", BOTH, ids=lambda moments: moments.name)
def test_moment_is_found_by_its_id_and_outlives_its_person(moments: MomentObject) -> None:
    fields = fields_of(moments)

    key = fields[moments.moment_id]
    wanted = {"length": "64", "unique": "true", "externalId": "true", "caseSensitive": "true"}
    assert {name: key.findtext(name) for name in wanted} == wanted
    lookup = fields[moments.lookup]
    assert (lookup.findtext("referenceTo"), lookup.findtext("deleteConstraint")) == (moments.parent, "SetNull")


def test_files_are_named_as_what_they_hold() -> None:
    for path in FILES:
        document = read(path)
        assert document.findtext("fullName") in {None, path.name.partition(".")[0]}, path.name
        kind = f"{document.tag[0].lower()}{document.tag[1:]}"
        assert path.name.endswith(f".{kind}-meta.xml") or document.tag.startswith(("Custom", "PermissionSet")), (
            path.name
        )


def test_sales_person_finds_a_label_and_a_help_text() -> None:
    for path in FILES:
        if ".field-" in path.name or ".object-" in path.name:
            document = read(path)
            assert 0 < len(document.findtext("label", "")) <= _LONGEST_LABEL, path.name
            help_text = document.findtext("inlineHelpText") or document.findtext("description") or ""
            assert 0 < len(help_text) <= _LONGEST_HELP, path.name


@pytest.mark.parametrize("moments", BOTH, ids=lambda moments: moments.name)
def test_layouts_and_lists_show_only_fields_that_are_there(moments: MomentObject) -> None:
    fields = set(fields_of(moments))
    standard = {"Name", "NAME", "OwnerId", "CreatedById", "LastModifiedById"}
    folder = SOURCE / "objects" / moments.name

    layout = read(SOURCE / "layouts" / f"{layout_of(moments)}.layout-meta.xml")
    assert {field.text for field in layout.iter("field")} - standard == fields
    compact = [field.text for field in read(next(folder.glob("compactLayouts/*"))).iter("fields")]
    assert set(compact) <= fields | standard
    assert len(compact) <= _MOST_COMPACT_FIELDS
    assert {column.text for column in read(next(folder.glob("listViews/*"))).iter("columns")} <= fields | standard
    search = read(folder / f"{moments.name}.object-meta.xml").find("searchLayouts")
    assert search is not None
    assert {column.text for column in search} <= fields | standard


@pytest.mark.parametrize("moments", BOTH, ids=lambda moments: moments.name)
def test_object_has_what_every_org_needs_and_nothing_that_some_refuse(moments: MomentObject) -> None:
    document = read(SOURCE / "objects" / moments.name / f"{moments.name}.object-meta.xml")

    for name in ("label", "pluralLabel", "nameField/label", "nameField/type", "deploymentStatus", "sharingModel"):
        assert document.findtext(name), name
    # Orgs without Experience Cloud refuse an object that has one; the others give it their own default.
    assert document.find("externalSharingModel") is None


@pytest.mark.parametrize(("name", "writes"), [("DeployteqIntegration", "true"), ("DeployteqContactMoments", "false")])
def test_permission_sets_cover_every_object_field_and_tab(name: str, writes: str) -> None:
    document = read(SOURCE / "permissionsets" / f"{name}.permissionset-meta.xml")

    granted = {entry.findtext("field"): entry for entry in document.iter("fieldPermissions")}
    assert set(granted) == {f"{moments.name}.{field}" for moments in BOTH for field in fields_of(moments)}
    assert {(entry.findtext("readable"), entry.findtext("editable")) for entry in granted.values()} == {
        ("true", writes)
    }
    objects = {entry.findtext("object"): entry for entry in document.iter("objectPermissions")}
    assert set(objects) == {moments.name for moments in BOTH}
    for entry in objects.values():
        rights = [entry.findtext(right) for right in ("allowRead", "allowCreate", "allowEdit")]
        assert rights == ["true", writes, writes]
    assert {tab.text for tab in document.iter("tab")} == {moments.name for moments in BOTH}


def test_no_field_is_required_since_salesforce_refuses_permissions_for_those() -> None:
    required = [name for moments in BOTH for name, field in fields_of(moments).items()
                if field.findtext("required") == "true"]  # fmt: skip

    assert required == []


def test_zip_names_every_component_and_nothing_else(files: dict[str, bytes]) -> None:
    package = build_package(PROJECT)

    assert set(package.members) == {"CustomObject", "CustomTab", "Layout", "PermissionSet"}
    assert len(files) == 1 + sum(len(names) for names in package.members.values())
    assert [component.problem for component in components(package.content)] == [""] * (len(files) - 1)
    assert package.version == json.loads((PROJECT / "sfdx-project.json").read_text())["sourceApiVersion"]
    assert float(package.version) < float(API_VERSION), "an org that is a few releases behind takes it too"
    assert f"<version>{package.version}</version>".encode() in files["package.xml"]


def test_zip_holds_each_object_whole_with_like_elements_together(files: dict[str, bytes]) -> None:
    for moments in BOTH:
        document = ElementTree.fromstring(files[f"objects/{moments.name}.object"])  # noqa: S314  # our own zip
        tags = [element.tag.rpartition("}")[2] for element in document]
        runs = [tag for tag, _ in groupby(tags)]
        assert len(runs) == len(set(runs))
        assert tags.count("fields") == len(fields_of(moments))
        assert {"compactLayouts", "listViews", "nameField", "label"} <= set(tags)


def test_same_source_gives_the_same_zip() -> None:
    assert build_package(PROJECT).content == build_package(PROJECT).content


def test_zip_can_leave_a_layout_out() -> None:
    lead, contact = BOTH

    package = build_package(PROJECT, lambda kind, name: kind != "Layout" or not name.startswith(lead.name))

    assert package.members["Layout"] == (layout_of(contact),)
    assert f"layouts/{lead.name}".encode() not in package.content
    assert [moments.parent for moments in BOTH] == [SObject.LEAD, SObject.CONTACT]
