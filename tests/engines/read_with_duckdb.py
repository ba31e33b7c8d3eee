"""Answers the queries of tests/engines.rs with DuckDB, through an Arrow dataset of the Delta log."""

import json
import sys

import duckdb
from deltalake import DeltaTable

answers = {}
database = duckdb.connect()
for table in json.load(open(sys.argv[1])):
    rows = DeltaTable(table["path"], version=table["version"]).to_pyarrow_dataset()
    database.register(table["name"], rows)
    answers[table["name"]] = answer = {}
    for query in table["queries"]:
        result = database.execute(query)
        names = [column[0] for column in result.description]
        (row,) = result.fetchall()
        answer.update(zip(names, row))
print(json.dumps(answers))
