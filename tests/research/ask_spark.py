"""Answers the queries of tests/research.rs with Spark, over queries/spark/views.sql."""

import datetime
import decimal
import json
import os
import sys

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession


def plain(value):
    """As JSON has it; times in UTC."""
    if isinstance(value, datetime.datetime):
        return value.isoformat() + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value


def answer(query):
    try:
        return [[plain(value) for value in row] for row in spark.sql(query).collect()]
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
    .getOrCreate()
)
# What `--define lake=` is to spark-sql.
spark.conf.set("lake", asked["lake"])
for statement in open(asked["views"]).read().split(";\n"):
    if statement.strip():
        spark.sql(statement)
print(json.dumps([answer(query) for query in asked["queries"]]))
