-- Q11: providers of a country compared.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/research-guide.md.
-- Changed: the tables without their project, strings in single quotes, the dates.

SELECT
  client.Network.ASName                                             AS isp,
  ROUND(APPROX_QUANTILES(a.MeanThroughputMbps, 100)[OFFSET(50)], 2) AS median_download_mbps,
  ROUND(APPROX_QUANTILES(a.MinRTT, 100)[OFFSET(50)], 2)             AS median_rtt_ms,
  COUNT(*)                                                          AS test_count
FROM ndt.ndt7_union
WHERE date BETWEEN '2026-11-01' AND '2026-11-30'
  AND client.Geo.CountryCode = 'US'
  AND a.MeanThroughputMbps > 0
GROUP BY isp
HAVING test_count > 10000
ORDER BY median_download_mbps DESC
