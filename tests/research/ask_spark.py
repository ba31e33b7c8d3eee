"""Answers the queries of tests/research.rs with Spark, over queries/spark/views.sql."""

import datetime
import decimal
import json
import os
import sys

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import ArrayType, StructType


def plain(value):
    """As JSON has it; times in UTC."""
    if isinstance(value, datetime.datetime):
        return value.isoformat() + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Row):
        return {name: plain(value) for name, value in value.asDict().items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, decimal.Decimal) else value


def shape(fields):
    """The names of columns and of their fields."""
    return ",".join(field.name + inside(field.dataType) for field in fields)


def inside(kind):
    if isinstance(kind, ArrayType):
        return inside(kind.elementType)
    return "{" + shape(kind) + "}" if isinstance(kind, StructType) else ""


def answer(query):
    try:
        found = spark.sql(query)
        rows = [[plain(value) for value in row] for row in found.collect()]
        return {"shape": shape(found.schema), "rows": rows}
    except (PySparkException, Py4JError) as error:
        return str(error)


asked = json.load(open(sys.argv[1]))
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", os.environ["SPARK_JARS"])
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .config("spark.sql.session.timeZone", "UTC")
    # As queries/spark/views.sql says.
    .config("spark.sql.constraintPropagation.enabled", "false")
    # Small tables: one task each, not fifty.
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.databricks.delta.snapshotPartitions", "1")
    .config("spark.ui.enabled", "false")
    # Java for hundreds of expressions takes longer than to interpret them for few rows.
    .config("spark.sql.codegen.wholeStage", asked["compiles"])
    .config("spark.sql.codegen.factoryMode", "FALLBACK" if asked["compiles"] else "NO_CODEGEN")
    .getOrCreate()
)
# What `--define lake=` is to spark-sql.
spark.conf.set("lake", asked["lake"])
for statement in open(asked["views"]).read().split(";\n"):
    if statement.strip():
        spark.sql(statement)
print(json.dumps([answer(query) for query in asked["queries"]]))
