-- Q17c: routers that answered on a day, and the share whose network is known.
--
-- Source: m-lab/prometheus-support ffa995f, its BigQuery exporter's alerts; written anew after what they say.
-- Changed: all.

SELECT
  date,
  COUNT(*) AS hops,
  try_divide(COUNT_IF(NOT raw.Annotations.Network.Missing), COUNT(*)) AS asn_share
FROM ndt_raw.hopannotation2
GROUP BY date
ORDER BY date
