"""What a researcher does from Python: list, prepare, fetch, and what is refused.

Arguments: the service's URL, the certificate to trust, a token, the statement
with a million rows, a file with statements that must be refused, one a line.
Prints one JSON object.
"""

import json
import sys

import adbc_driver_flightsql.dbapi as flight_sql
from adbc_driver_flightsql import DatabaseOptions


def connect(url, certificate, token):
    options = {
        DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {token}",
        DatabaseOptions.TLS_ROOT_CERTS.value: open(certificate).read(),
    }
    return flight_sql.connect(url, db_kwargs=options, autocommit=True)


def refusal(cursor, sql):
    try:
        cursor.execute(sql)
        cursor.fetchall()
    except Exception as error:
        return str(error)
    return None


def main():
    url, certificate, token, million, refused = sys.argv[1:]
    told = {}
    with connect(url, certificate, token) as connection, connection.cursor() as cursor:
        told["vendor"] = connection.adbc_get_info()["vendor_name"]
        objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
        told["tables"] = {
            f"{schema['db_schema_name']}.{table['table_name']}": [
                column["column_name"] for column in table["table_columns"]
            ]
            for catalog in objects
            for schema in catalog["catalog_db_schemas"]
            for table in schema["db_schema_tables"]
        }
        # The driver's list of columns has no room for what they mean.
        column = connection.adbc_get_table_schema("snapshots").field("min_rtt_us")
        told["meaning"] = column.metadata[b"comment"].decode()
        cursor.execute(
            "SELECT direction, count(*) AS tests FROM speed_tests WHERE direction = ? GROUP BY 1",
            ("download",),
        )
        told["prepared"] = cursor.fetchall()
        cursor.execute(million)
        rows = cursor.fetch_arrow_table()
        told["rows"] = rows.num_rows
        told["sum"] = sum(rows.column("n").to_pylist())
        told["versions"] = json.loads(rows.schema.metadata[b"trigpoint.versions"])
        told["refused"] = {sql: refusal(cursor, sql) for sql in open(refused).read().splitlines()}
        cursor.execute("SELECT 1")
        told["afterwards"] = cursor.fetchall()
    with connect(url, certificate, "a-guess-that-is-long") as stranger, stranger.cursor() as cursor:
        told["wrong_token"] = refusal(cursor, "SELECT 1")
    print(json.dumps(told))


main()
