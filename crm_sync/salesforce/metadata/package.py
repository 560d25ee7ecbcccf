"""A project in Salesforce's source format, as the zip that the Metadata API takes."""

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

METADATA_NAMESPACE = "http://soap.sforce.com/2006/04/metadata"

_OBJECT = "CustomObject"
_TYPES = {"layouts": "Layout", "permissionsets": "PermissionSet", "tabs": "CustomTab"}
_ENDING = "-meta.xml"
# A fixed time for every file: the same source always gives the same zip.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Package:
    """A zip for a deployment: its content, what package.xml names by type, and its API version."""

    content: bytes
    members: dict[str, tuple[str, ...]]
    version: str


@dataclass(frozen=True)
class _Component:
    type: str
    name: str
    file: str
    document: ElementTree.Element


def build_package(project: Path, wanted: Callable[[str, str], bool] = lambda kind, name: True) -> Package:
    """Return the package of the components for which `wanted` (type, name) holds; fields become parts of their object.

    Rule: Metadata API guide, "Deploying and Retrieving Metadata with the Zip File"; Salesforce DX guide,
    "Salesforce DX Project Structure and Source Format".
    """
    settings = json.loads((project / "sfdx-project.json").read_text(encoding="utf-8"))
    folders = [project / entry["path"] for entry in settings["packageDirectories"]]
    found = [one for folder in folders for one in _components(folder) if wanted(one.type, one.name)]
    members: defaultdict[str, list[str]] = defaultdict(list)
    for component in found:
        members[component.type].append(component.name)
    named = {kind: tuple(sorted(names)) for kind, names in sorted(members.items())}
    version = str(settings["sourceApiVersion"])
    files = {"package.xml": _package_xml(named, version)} | {one.file: one.document for one in found}
    return Package(_zipped(files), named, version)


def _components(folder: Path) -> Iterator[_Component]:
    for path in sorted(folder.rglob(f"*.object{_ENDING}")):
        name = path.parent.name
        yield _Component(_OBJECT, name, f"objects/{name}.object", _whole_object(path))
    for place, kind in _TYPES.items():
        for path in sorted(folder.rglob(f"{place}/*{_ENDING}")):
            file = path.name.removesuffix(_ENDING)
            yield _Component(kind, file.rpartition(".")[0], f"{place}/{file}", _read(path))


def _whole_object(path: Path) -> ElementTree.Element:
    """Return the object with its parts; the folder of a part has the name of its element."""
    document = _read(path)
    for part in sorted(path.parent.glob(f"*/*{_ENDING}")):
        element = _read(part)
        element.tag = part.parent.name
        document.append(element)
    # Salesforce refuses elements of one name that are not adjacent.
    document[:] = sorted(document, key=lambda element: element.tag)
    return document


def _read(path: Path) -> ElementTree.Element:
    """Return a file's document without its namespace, which `_zipped` sets again at the root."""
    document = ElementTree.fromstring(path.read_bytes())  # noqa: S314  # a file of this project
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    return document


def _package_xml(members: dict[str, tuple[str, ...]], version: str) -> ElementTree.Element:
    package = ElementTree.Element("Package")
    for kind, names in members.items():
        types = ElementTree.SubElement(package, "types")
        for name in names:
            ElementTree.SubElement(types, "members").text = name
        ElementTree.SubElement(types, "name").text = kind
    ElementTree.SubElement(package, "version").text = version
    return package


def _zipped(files: dict[str, ElementTree.Element]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in files.items():
            document.set("xmlns", METADATA_NAMESPACE)
            ElementTree.indent(document, "    ")
            content = ElementTree.tostring(document, encoding="UTF-8", xml_declaration=True)
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()
