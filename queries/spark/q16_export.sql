-- Q16: tests for another program.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/getting-started-bigquery.md.
-- Changed: the tables without their project, strings in single quotes, the date; EXPORT DATA is `trigpoint query --format parquet`
-- or `csv`, which writes this to a file.

SELECT a.TestTime, a.MeanThroughputMbps, client.Geo.CountryCode
FROM ndt.ndt7_union
WHERE date = '2026-11-24'
