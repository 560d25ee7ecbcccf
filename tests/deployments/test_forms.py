"""The forms of the runs: own boxes first, blocks as pickers, nothing that a marketer has to know of Python."""

import re
from pathlib import Path
from typing import Any

import pytest
from prefect.deployments.runner import RunnerDeployment
from prefect.utilities.schema_tools.validation import is_valid
from pydantic import SecretStr

from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS
from crm_sync.push.typed_names import PERSONAL
from deployments.definitions import build_deployments
from tests.rigs.pushes import wide_mapping


@pytest.fixture(scope="module")
def deployments(prefect_home: Path) -> dict[str, RunnerDeployment]:
    """Return the deployments by name, on a server without blocks."""
    return {deployment.name: deployment for deployment in build_deployments()}


def _form(deployment: RunnerDeployment) -> dict[str, Any]:
    return deployment._parameter_openapi_schema.model_dump(exclude_unset=True)


def _boxes(form: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(form["properties"].values(), key=lambda box: int(box["position"]))


def test_own_boxes_come_first_and_blocks_are_only_picked(deployments: dict[str, RunnerDeployment]) -> None:
    for name, deployment in deployments.items():
        form = _form(deployment)
        boxes = _boxes(form)
        blocks = {f"#/definitions/{key}" for key, kind in form["definitions"].items() if "block_type_slug" in kind}
        is_picker = [box.get("$ref") in blocks for box in boxes]
        assert is_picker == sorted(is_picker), name
        assert not [box["title"] for box in boxes if "anyOf" in box or "null" in str(box.get("type"))], name
    titles = [box["title"] for box in _boxes(_form(deployments["campaign-push"]))]
    assert titles == [
        "Campaign",
        "Customers by their fields",
        "Customers by their numbers",
        "Dry run",
        "Approve changes",
        "Salesforce credentials",
        "Customer database",
        "Data mapping",
        "Salesforce Synchronize",
    ]


def test_list_may_stay_empty_in_the_form(deployments: dict[str, RunnerDeployment]) -> None:
    """The UI takes an empty list that has to be filled in for a missing one, unless the schema says how many."""
    lists = [box for one in deployments.values() for box in _boxes(_form(one)) if box.get("type") == "array"]

    assert len(lists) >= 3
    assert {box["minItems"] for box in lists} == {0}


def test_words_are_a_marketers(deployments: dict[str, RunnerDeployment]) -> None:
    for name, deployment in deployments.items():
        for box in _boxes(_form(deployment)):
            assert not re.search(r"_|\n|None|block or its name", box["title"] + box["title"]), name
            assert "\n" not in box["description"], name
            assert not re.search(r"\b(deployteq|salesforce|prefect)\b", box["title"]), (name, box["title"])
            assert box["description"].rstrip(".") not in {"", box["title"]}, name


def test_saved_account_is_picked_wherever_it_is_used(prefect_home: Path) -> None:
    DeployteqAccount(portal_host="secure.myclang.com", brand="brand", token=SecretStr("t-1")).save(
        "deployteq", overwrite=True
    )
    try:
        forms = {one.name: (_form(one), one.parameters or {}) for one in build_deployments()}
    finally:
        DeployteqAccount.delete("deployteq")

    users = [name for name, (form, _) in forms.items() if "account" in form["properties"]]
    assert "erase-customer" in users
    for name in users:
        form, filled = forms[name]
        assert "account" in form["required"], name
        assert filled["account"], name


def test_what_has_a_value_is_not_called_optional(deployments: dict[str, RunnerDeployment]) -> None:
    for name, deployment in deployments.items():
        form = _form(deployment)
        optional = {key for key in form["properties"] if key not in form["required"]}
        empty = {key for key in optional if form["properties"][key].get("default", "") == ""}
        assert all("$ref" in form["properties"][key] for key in optional - empty), name
        needed = {"campaign": "spring", "who": "0031"} if name in {"campaign-push", "retry-outputs"} else {"who": "x"}
        given = deployment.parameters | {key: needed[key] for key in form["required"] if key in needed}
        assert is_valid(given, form), name
        assert not is_valid(given | {"segment": "gold"}, form), name


def test_selection_is_picked_among_the_fields_there_are_without_those_of_one_person(prefect_home: Path) -> None:
    saved = wide_mapping().save("mapping", overwrite=True)
    try:
        push = next(one for one in build_deployments() if one.name == "campaign-push")
    finally:
        DataMapping.delete("mapping")

    field = _form(push)["definitions"]["FieldEquals"]["properties"]["field"]
    assert saved
    assert {"status", "job_title", "city", "opt_in", "wants mail"} <= set(field["enum"])
    assert set(field["enum"]) & PERSONAL == set()
    assert set(CUSTOMER_FIELDS) - PERSONAL <= set(field["enum"])
    row = {"campaign": "spring", "selection": [{"field": "jobtitle", "equals": ""}]}
    assert not is_valid(push.parameters | row, _form(push))
