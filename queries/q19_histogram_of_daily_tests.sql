-- Q19: one test of each client and day, in logarithmic buckets by network.
--
-- Source: m-lab/stats-pipeline, statistics/queries.
-- Changed: the choice among a client's tests is by a digest of the id, so that it repeats;
-- the bounds of buckets are `log_bucket`.

WITH one_a_day AS (
  SELECT date, client_asn, mbps, min_rtt_ms
  FROM (
    SELECT
      date,
      client.Network.ASNumber AS client_asn,
      a.MeanThroughputMbps AS mbps,
      a.MinRTT AS min_rtt_ms,
      ROW_NUMBER() OVER (PARTITION BY date, client.IP ORDER BY md5(id)) AS place
    FROM ndt.unified_downloads
  )
  WHERE place = 1 AND mbps > 0
),
buckets AS (
  SELECT date, client_asn, log_bucket(mbps, 0.5) AS bucket, COUNT(*) AS samples
  FROM one_a_day
  GROUP BY date, client_asn, bucket
),
networks AS (
  SELECT
    date,
    client_asn,
    COUNT(*) AS samples,
    geometric_mean(mbps) AS log_average,
    APPROX_QUANTILES(mbps, 100)[OFFSET(25)] AS q25,
    APPROX_QUANTILES(mbps, 100)[OFFSET(50)] AS q50,
    APPROX_QUANTILES(mbps, 100)[OFFSET(75)] AS q75
  FROM one_a_day
  GROUP BY date, client_asn
)
SELECT
  networks.date,
  networks.client_asn,
  POW(10, bucket - 0.25) AS bucket_min,
  POW(10, bucket + 0.25) AS bucket_max,
  buckets.samples / CAST(networks.samples AS DOUBLE) AS frac,
  networks.samples,
  log_average,
  q25,
  q50,
  q75
FROM networks
JOIN buckets
  ON buckets.date = networks.date
  AND buckets.client_asn IS NOT DISTINCT FROM networks.client_asn
ORDER BY networks.date, networks.client_asn, bucket
