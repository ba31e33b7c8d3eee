"""Answers the queries of tests/engines.rs with ClickHouse (chdb), through the Delta log."""

import json
import sys

import chdb

answers = {}
for table in json.load(open(sys.argv[1])):
    # ClickHouse 26.9 does not find a field of a struct by itself in a Delta table.
    source = f"(SELECT * FROM deltaLakeLocal('{table['path']}'))"
    answers[table["name"]] = answer = {}
    for query in table["queries"]:
        query = query.replace(f"FROM {table['name']}", f"FROM {source}")
        query += (
            f" SETTINGS delta_lake_snapshot_version = {table['version']},"
            " output_format_json_quote_64bit_integers = 0"
        )
        answer.update(json.loads(str(chdb.query(query, "JSON")))["data"][0])
print(json.dumps(answers))
