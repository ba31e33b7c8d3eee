-- Q17a: share of tests with a traceroute, by day; M-Lab alerts below 0.90.
--
-- Source: m-lab/prometheus-support ffa995f, alerts on its BigQuery exporter.
-- Changed: M-Lab publishes what it alerts on; the SQL is ours.

SELECT
  ndt.date,
  COUNT(*) AS tests,
  SAFE_DIVIDE(COUNTIF(tr.id IS NOT NULL), COUNT(*)) AS traced_share
FROM ndt.ndt7 AS ndt
LEFT JOIN ndt_raw.scamper1 AS tr
  ON ndt.id = tr.id AND ndt.date = tr.date
GROUP BY ndt.date
ORDER BY ndt.date
