"""Answers the queries of tests/engines.rs with Spark, through the Delta log."""

import json
import os
import sys

from pyspark.sql import SparkSession

jars = os.environ["SPARK_JARS"]
if for_s3 := os.environ.get("SPARK_S3_JARS"):
    jars += "," + for_s3
builder = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", jars)
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    # Small tables: one task each, not fifty.
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.databricks.delta.snapshotPartitions", "1")
    .config("spark.ui.enabled", "false")
)
if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
    # The keys are taken from the environment.
    s3a = "spark.hadoop.fs.s3a."
    builder = (
        builder.config(s3a + "endpoint", endpoint)
        .config(s3a + "endpoint.region", os.environ["AWS_REGION"])
        .config(s3a + "path.style.access", "true")
    )
spark = builder.getOrCreate()
answers = {}
for table in json.load(open(sys.argv[1])):
    path = table["path"].replace("s3://", "s3a://")
    rows = spark.read.format("delta").option("versionAsOf", table["version"]).load(path)
    rows.createOrReplaceTempView(table["name"])
    answers[table["name"]] = answer = {}
    for query in table["queries"]:
        answer.update(spark.sql(query).first().asDict())
print(json.dumps(answers))
