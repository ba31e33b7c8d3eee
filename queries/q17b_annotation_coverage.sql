-- Q17b: share of tests whose client's place (alert below 0.95) and network (0.88) are known.
--
-- Source: m-lab/prometheus-support ffa995f, alerts on its BigQuery exporter.
-- Changed: M-Lab publishes what it alerts on; the SQL is ours.

SELECT
  date,
  COUNT(*) AS tests,
  SAFE_DIVIDE(COUNTIF(NOT client.Geo.Missing), COUNT(*)) AS geo_share,
  SAFE_DIVIDE(COUNTIF(NOT client.Network.Missing), COUNT(*)) AS asn_share
FROM ndt.ndt7
GROUP BY date
ORDER BY date
