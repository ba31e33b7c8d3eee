"""Reads a file of YAML documents, and writes them as JSON with what the schemas of
each version of Kubernetes say against them, unknown fields included.

    objects.py FILE [VERSION ...]
"""

import json
import sys

import yaml

# Kinds of others, of which Kubernetes has no schema.
FOREIGN = {"monitoring.coreos.com/v1"}


def faults(objects, versions):
    # Takes a second, which most callers would wait for in vain.
    import kubernetes_validate

    for version in versions:
        for document in objects:
            name = f"{document['kind']} {document['metadata']['name']}"
            if document["apiVersion"] in FOREIGN:
                continue
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                place = ".".join(str(part) for part in error.path)
                yield f"{name}: {place}: {error.message}"
            except kubernetes_validate.SchemaNotFoundError as error:
                yield f"{name}: {error}"


with open(sys.argv[1], encoding="utf-8") as file:
    objects = [document for document in yaml.load_all(file, yaml.CSafeLoader) if document]
versions = sys.argv[2:]
found = list(faults(objects, versions)) if versions else []
json.dump({"objects": objects, "faults": found}, sys.stdout)
