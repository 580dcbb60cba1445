"""Checks JSON from standard input against a schema: check_schema.py SCHEMA. Every field must be in the schema."""

import json
import sys

import jsonschema


def close(schema):
    """What the schema does not name is an error here; its readers must bear it."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            close(part)
    elif isinstance(schema, list):
        for part in schema:
            close(part)
    return schema


with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
errors = list(jsonschema.Draft202012Validator(close(schema)).iter_errors(json.load(sys.stdin)))
for error in errors:
    print("/".join(str(part) for part in error.absolute_path), error.message)
sys.exit(bool(errors))
