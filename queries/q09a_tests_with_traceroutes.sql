-- Q9a: tests with the traceroutes to their clients.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/core-service-traceroute.md.
-- Changed: the tables without their project, strings in single quotes, the date.

SELECT
  ndt.a.TestTime,
  ndt.a.MeanThroughputMbps,
  ndt.client.Geo.CountryCode,
  tr.raw.Tracelb.Dst AS traceroute_destination
FROM ndt.ndt7_union AS ndt
JOIN ndt_raw.scamper1 AS tr
  ON ndt.id = tr.id
WHERE ndt.date = '2026-11-24' AND tr.date = '2026-11-24'
