"""Deploying custom objects through the Metadata API."""

import base64
import io
import re
import zipfile
from pathlib import Path

import pytest
import requests

from standins.salesforce.org.org import Org
from standins.salesforce.schema.custom_objects import custom_object
from standins.salesforce.schema.fields import Field
from tests.standins.conftest import Client

NAMESPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
NAME = "ClangLeadContactMoment__c"
OBJECT = f"""<?xml version="1.0" encoding="UTF-8"?>
<CustomObject {NAMESPACE}>
  <label>Contact Moment</label><pluralLabel>Contact Moments</pluralLabel>
  <nameField><label>Number</label><type>AutoNumber</type><displayFormat>CM-{{00000000}}</displayFormat></nameField>
  <fields><fullName>Key__c</fullName><label>Key</label><type>Text</type><length>80</length>
    <externalId>true</externalId><unique>true</unique><required>true</required></fields>
  <fields><fullName>Lead__c</fullName><label>Lead</label><type>Lookup</type><referenceTo>Lead</referenceTo></fields>
  <fields><fullName>Opens__c</fullName><label>Opens</label><type>Number</type>
    <precision>6</precision><scale>0</scale></fields>
  <fields><fullName>Bounced__c</fullName><label>Bounced</label><type>Checkbox</type>
    <defaultValue>false</defaultValue></fields>
  <fields><fullName>Kind__c</fullName><label>Kind</label><type>Picklist</type><valueSet><restricted>true</restricted>
    <valueSetDefinition><value><fullName>Hard</fullName></value><value><fullName>Soft</fullName></value>
    </valueSetDefinition></valueSet></fields>
</CustomObject>"""


def package(**types: str) -> str:
    listed = "".join(f"<types><members>{member}</members><name>{name}</name></types>" for name, member in types.items())
    return f"<Package {NAMESPACE}>{listed}<version>59.0</version></Package>"


def zipped(files: dict[str, str]) -> str:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return base64.b64encode(target.getvalue()).decode()


def call(client: Client, content: str, session_id: str | None = None) -> requests.Response:
    session = f"<sessionId>{session_id or client.session_id}</sessionId>"
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header>'
        f"<SessionHeader {NAMESPACE}>{session}</SessionHeader></e:Header>"
        f"<e:Body>{content}</e:Body></e:Envelope>"
    )
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    return requests.post(f"{client.url}/services/Soap/m/59.0", body, headers=headers, timeout=10)


def deploy(client: Client, files: dict[str, str]) -> requests.Response:
    content = f"<ZipFile>{zipped(files)}</ZipFile><DeployOptions/>"
    return call(client, f"<deploy {NAMESPACE}>{content}</deploy>")


def status_text(client: Client, deployed: requests.Response) -> tuple[str, str]:
    identity = value(deployed.text, "id")
    asked = f"<asyncProcessId>{identity}</asyncProcessId><includeDetails>true</includeDetails>"
    text = call(client, f"<checkDeployStatus {NAMESPACE}>{asked}</checkDeployStatus>").text
    return text, value(text, "status")


def value(text: str, name: str) -> str:
    found = re.search(f"<{name}>(.*?)</{name}>", text)
    assert found, text
    return found[1]


FILES = {
    "package.xml": package(CustomObject=NAME, CustomTab=NAME, CustomField=f"{NAME}.Key__c"),
    f"objects/{NAME}.object": OBJECT,
    f"tabs/{NAME}.tab": f"<CustomTab {NAMESPACE}/>",
}


def test_deployed_object_can_be_used(client: Client, org: Org) -> None:
    deployed = deploy(client, FILES)
    assert (value(deployed.text, "done"), value(deployed.text, "state")) == ("false", "Queued")
    assert [status_text(client, deployed)[1] for _ in range(2)] == ["InProgress", "Succeeded"]
    text, _ = status_text(client, deployed)
    assert (value(text, "success"), value(text, "numberComponentsDeployed")) == ("true", "2")
    described = client.get(f"/sobjects/{NAME}/describe").json()
    fields = {field["name"]: field for field in described["fields"]}
    assert (described["labelPlural"], fields["Name"]["autoNumber"]) == ("Contact Moments", True)
    key = fields["Key__c"]
    assert (key["externalId"], key["unique"], key["length"], key["nillable"]) == (True, True, 80, False)
    assert (fields["Opens__c"]["type"], fields["Opens__c"]["precision"]) == ("double", 6)
    assert [choice["value"] for choice in fields["Kind__c"]["picklistValues"]] == ["Hard", "Soft"]
    record_id = org.records.insert(NAME, {"Key__c": "m1"})
    assert org.records.get(NAME, record_id)["Bounced__c"] == 0


def test_deploying_again_keeps_the_records(client: Client, org: Org) -> None:
    deploy(client, FILES)
    prefix = org.schema[NAME].prefix
    org.records.insert(NAME, {"Key__c": "m1"})
    deploy(client, {"unpackaged/" + name: content for name, content in FILES.items()})
    assert (org.records.count(NAME), org.schema[NAME].prefix) == (1, prefix)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"tabs/x.tab": ""}, "was named in package.xml, but was not found in zipped directory"),
        ({f"objects/{NAME}.object": OBJECT.replace("Lookup", "Nonsense")}, "invalid type of Lead__c: Nonsense"),
        ({f"objects/{NAME}.object": "<CustomObject>"}, "Error parsing file"),
    ],
)
def test_problem_fails_the_whole(client: Client, org: Org, files: dict[str, str], problem: str) -> None:
    org.settings.deployment_polls = 0
    deployed = deploy(client, {"package.xml": package(CustomObject=NAME), **files})
    text, state = status_text(client, deployed)
    assert (state, value(text, "numberComponentErrors")) == ("Failed", "1")
    assert problem in value(text, "problem")
    assert NAME not in org.schema


def test_call_counts_and_needs_a_session(client: Client, org: Org) -> None:
    before = org.usage.used
    deployed = deploy(client, FILES)
    status_text(client, deployed)
    assert org.usage.used == before + 2
    refused = call(client, f"<checkDeployStatus {NAMESPACE}/>", "wrong")
    assert (refused.status_code, value(refused.text, "faultcode")) == (500, "sf:INVALID_SESSION_ID")
    org.settings.daily_limit = 0
    assert "REQUEST_LIMIT_EXCEEDED" in call(client, f"<checkDeployStatus {NAMESPACE}/>").text
    assert org.journal.counts()["metadata"] == 4


def test_what_is_no_package_is_a_fault(client: Client) -> None:
    content = f"<deploy {NAMESPACE}><ZipFile>bm8gemlw</ZipFile></deploy>"
    assert value(call(client, content).text, "faultcode") == "sf:INVALID_ZIP_FILE"
    assert value(call(client, "<other/>").text, "faultcode") == "sf:INVALID_OPERATION"


def test_org_kept_in_a_file_still_has_its_custom_objects_at_the_next_start(tmp_path: Path) -> None:
    number = Field("Score__c", "Score", "double", precision=6)
    with Org(database=tmp_path / "org.sqlite") as org:
        added = org.add_object(custom_object("Visit__c", "Visit", number, number_format="V-{000}"))
        record = org.records.insert("Visit__c", {"Score__c": 7})

    with Org(database=tmp_path / "org.sqlite") as again:
        assert again.sobject("visit__c") == added
        found = again.query("SELECT Id, Name, Score__c FROM Visit__c")
        assert list(found.records(0, 5)) == [{"Id": record, "Name": "V-001", "Score__c": 7.0}]
        found.close()
