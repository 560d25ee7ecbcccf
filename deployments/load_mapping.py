"""`python -m deployments.load_mapping mapping.yaml`: a data mapping kept as a file becomes the block `mapping`."""

import argparse
import sys
from pathlib import Path

from blocks.data_mapping import DataMapping
from blocks.load import load_block
from crm_sync.errors import ConfigurationError, SyncError
from crm_sync.mapping.model import MappingRules
from crm_sync.mapping.yaml_file import describe_changes, read_mapping, write_mapping
from deployments.way_in import server_in_a_sentence


def main(arguments: list[str] | None = None) -> int:
    """Load, check or show the mapping; return exit code 1 for a file that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        with server_in_a_sentence():
            if options.file is None:
                output = write_mapping(load_block(DataMapping, options.name).rules())
            else:
                output = "\n".join(load_mapping(_text(options.file), options.name, save=not options.check)) + "\n"
    except SyncError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(output)
    return 0


def load_mapping(text: str, name: str = "mapping", *, save: bool = True) -> list[str]:
    """Save the mapping of a YAML text as the block `name`, and return what that changes, line by line.

    `save` false: nothing is saved. Raises MappingError, with the line, for a text that cannot be used.
    """
    rules = read_mapping(text)
    changes = _changes(rules, name)
    if not changes:
        return [f"The block {name!r} holds this mapping already."]
    if not save:
        return [*changes, f"Nothing is saved; the block {name!r} is as it was."]
    block = DataMapping.of(rules)
    try:
        block.save(name, overwrite=True)
    except ValueError:
        raise ConfigurationError(f"A block cannot be named {name!r}; use small letters, digits and dashes.") from None
    return [*changes, f"Saved as the block {name!r}; a changed mapping is complete after the next full sync."]


def _changes(rules: MappingRules, name: str) -> list[str]:
    try:
        saved = load_block(DataMapping, name).rules()
    except ConfigurationError:
        links = " and ".join(f"{len(rules.of(sobject).links)} links for {sobject}" for sobject in rules.mapped)
        return [f"There was no usable block {name!r} before; new: {links}."]
    return describe_changes(saved, rules)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"The file {file} cannot be read: {why}.") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.load_mapping", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="YAML file to load; without it, the saved block is shown")
    parser.add_argument("--name", default="mapping", help="name of the Data mapping block")
    parser.add_argument("--check", action="store_true", help="show what would change, and save nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
