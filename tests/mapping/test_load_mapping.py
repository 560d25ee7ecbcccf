"""A mapping kept as a file becomes a block, says what it changes, and is refused by its line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from blocks.data_mapping import DataMapping
from blocks.load import load_block
from crm_sync.mapping.yaml_file import read_mapping, write_mapping
from deployments.load_mapping import main

_NAME = "from-a-file"
Output = pytest.CaptureFixture[str]


@pytest.fixture
def file(prefect_home: Path, tmp_path: Path) -> Iterator[Path]:
    """Give a file with the standard mapping, on a server that has no block of its name."""
    path = tmp_path / "mapping.yaml"
    path.write_text(write_mapping(DataMapping().rules()))
    yield path
    with get_client(sync_client=True) as client:
        for document in client.read_block_documents_by_type("salesforce-data-mapping"):
            client.delete_block_document(document.id)


def _load(file: Path, *options: str) -> int:
    return main([str(file), "--name", _NAME, *options])


def test_a_file_becomes_a_block(file: Path, capsys: Output) -> None:
    assert _load(file) == 0

    assert load_block(DataMapping, _NAME).rules() == read_mapping(file.read_text())
    output = capsys.readouterr().out
    assert "There was no usable block 'from-a-file' before; new: 15 links for Contact and 15 links for Lead." in output
    assert "Saved as the block 'from-a-file'" in output


def test_a_changed_file_says_what_changes_and_the_same_file_says_nothing_new(file: Path, capsys: Output) -> None:
    _load(file)
    file.write_text(file.read_text().replace("name: job_title", "name: department", 1))
    capsys.readouterr()

    assert (_load(file), _load(file)) == (0, 0)

    assert capsys.readouterr().out.splitlines() == [
        "Contact: no longer Title into the customer field job_title.",
        "Contact: new, Title into the customer field department.",
        "Saved as the block 'from-a-file'; a changed mapping is complete after the next full sync.",
        "The block 'from-a-file' holds this mapping already.",
    ]
    assert "department" in [link.name for link in load_block(DataMapping, _NAME).contact.links]


def test_a_check_saves_nothing(file: Path, capsys: Output) -> None:
    _load(file)
    before = load_block(DataMapping, _NAME).rules()
    file.write_text(file.read_text().replace("status: Prospect", "status: Suspect"))

    assert _load(file, "--check") == 0

    assert "Lead status: Suspect, was Prospect." in capsys.readouterr().out
    assert load_block(DataMapping, _NAME).rules() == before


def test_a_slip_keeps_the_block_as_it_is(file: Path, capsys: Output) -> None:
    _load(file)
    before = load_block(DataMapping, _NAME).rules()
    file.write_text(file.read_text().replace("name: job_title", "name: job_titel", 1))

    assert _load(file) == 1

    output = capsys.readouterr().err
    assert "Line " in output
    assert "There is no customer field 'job_titel'; did you mean job_title?" in output
    assert load_block(DataMapping, _NAME).rules() == before


def test_the_saved_block_is_shown_as_a_file_that_loads(file: Path, capsys: Output) -> None:
    _load(file)
    capsys.readouterr()

    assert main(["--name", _NAME]) == 0

    assert capsys.readouterr().out == file.read_text()


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff\xfe", "it is not UTF-8 text")])
def test_a_file_that_cannot_be_read_is_named(file: Path, content: bytes | None, why: str, capsys: Output) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    assert _load(file) == 1

    assert f"The file {file} cannot be read: {why}" in capsys.readouterr().err


def test_a_name_that_no_block_can_have_is_refused_in_a_sentence(file: Path, capsys: Output) -> None:
    assert main([str(file), "--name", "Our mapping!"]) == 1

    assert "A block cannot be named 'Our mapping!'" in capsys.readouterr().err
