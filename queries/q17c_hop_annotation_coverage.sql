-- Q17c: routers that answered on a day, and the share whose network is known.
--
-- Source: m-lab/prometheus-support ffa995f, alerts on its BigQuery exporter.
-- Changed: M-Lab publishes what it alerts on; the SQL is ours.

SELECT
  date,
  COUNT(*) AS hops,
  SAFE_DIVIDE(COUNTIF(NOT raw.Annotations.Network.Missing), COUNT(*)) AS asn_share
FROM ndt_raw.hopannotation2
GROUP BY date
ORDER BY date
