-- Q3: speeds by postal code and network.
--
-- Source: m-lab/m-lab.github.io 586390e, _pages/tests/ndt/unified-views-examples.md.
-- Changed: the tables without their project, strings in single quotes, the dates.
-- Its quantiles are those of 24, 49 and 74 %, since SAFE_ORDINAL counts from 1: as published.

SELECT
  client.Geo.postalCode AS zip_code,
  client.Network.ASNumber AS ASN,
  COUNT(*) AS sample_size,
  MIN(a.MeanThroughputMbps) AS download_MIN,
  percentile_approx(a.MeanThroughputMbps, 0.24, 10000) AS download_Q25,
  percentile_approx(a.MeanThroughputMbps, 0.49, 10000) AS download_MED,
  AVG(a.MeanThroughputMbps) AS download_AVG,
  percentile_approx(a.MeanThroughputMbps, 0.74, 10000) AS download_Q75,
  MAX(a.MeanThroughputMbps) AS download_MAX
FROM
  ndt.unified_downloads
WHERE
  date BETWEEN '2026-11-01' AND '2026-11-30'
  AND client.Geo.city = 'Baltimore'
  AND client.Geo.countryCode = 'US'
  AND client.Geo.postalCode IN ('21224', '21217')
GROUP BY zip_code, ASN
ORDER BY zip_code, ASN
