"""Answers the queries of tests/engines.rs with Spark, through the Delta log."""

import json
import os
import sys

from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", os.environ["SPARK_JARS"])
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    # Small tables: one task each, not fifty.
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.databricks.delta.snapshotPartitions", "1")
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
answers = {}
for table in json.load(open(sys.argv[1])):
    rows = spark.read.format("delta").option("versionAsOf", table["version"]).load(table["path"])
    rows.createOrReplaceTempView(table["name"])
    answers[table["name"]] = answer = {}
    for query in table["queries"]:
        answer.update(spark.sql(query).first().asDict())
print(json.dumps(answers))
