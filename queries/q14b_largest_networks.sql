-- Q14b: the networks of a country with the most tests.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/mlab-annotations-explained.md.
-- Changed: the tables without their project, strings in single quotes, the dates.

SELECT
  client.Network.ASNumber AS asn,
  MAX(client.Network.ASName) AS isp_name,
  COUNT(*) AS test_count,
  ROUND(APPROX_QUANTILES(a.MeanThroughputMbps, 100)[OFFSET(50)], 2) AS median_mbps
FROM ndt.ndt7
WHERE client.Geo.CountryCode = 'BR'
  AND date BETWEEN '2026-11-01' AND '2026-11-30'
GROUP BY asn
HAVING test_count > 1000
ORDER BY test_count DESC
