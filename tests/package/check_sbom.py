#!/usr/bin/env python3
"""Checks the bill of materials against the schema of CycloneDX and against what cargo says of the programs.

usage: check_sbom.py SBOM DIRECTORY_OF_SCHEMAS PROGRAM...

The schemas are those of the package cyclonedx-python-lib.
"""
import json
import pathlib
import subprocess
import sys
import warnings

import jsonschema

warnings.simplefilter("ignore", DeprecationWarning)


def main():
    bom = json.loads(pathlib.Path(sys.argv[1]).read_text())
    against_schema(bom, pathlib.Path(sys.argv[2]))
    against_cargo(bom, sys.argv[3:])


def against_schema(bom, directory):
    store = {}
    for name in ("spdx", "jsf-0.82", "bom-1.5"):
        schema = json.loads((directory / f"{name}.SNAPSHOT.schema.json").read_text())
        store[f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json"] = schema
    resolver = jsonschema.RefResolver.from_schema(schema, store=store)
    jsonschema.Draft7Validator(schema, resolver=resolver).validate(bom)


def against_cargo(bom, programs):
    listed = {(c["name"], c["version"]) for c in bom["components"] + [bom["metadata"]["component"]]}
    listed = {crate for crate in listed if crate[0] != "rust"}
    built = crates_of(programs)
    if listed != built:
        sys.exit(f"only in one of both: {sorted(listed ^ built)}")
    others = [c for c in bom["components"] if not c["name"].startswith("msgq") and c["name"] != "rust"]
    unchecked = [c["name"] for c in others if "hashes" not in c]
    if unchecked:
        sys.exit(f"without a checksum: {unchecked}")


def crates_of(programs):
    command = ["cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]
    command += ["--target", "x86_64-unknown-linux-gnu", "--target", "aarch64-unknown-linux-gnu"]
    command += [word for program in programs for word in ("--package", program)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {(name, version[1:]) for name, version, *_ in (line.split() for line in text.splitlines() if line)}


main()
