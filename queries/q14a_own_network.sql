-- Q14a: one's own network in the last 30 days.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/getting-started-isp-ixp.md.
-- Changed: the tables without their project, strings in single quotes; DATE_SUB is a subtraction.

SELECT
  ROUND(APPROX_QUANTILES(a.MeanThroughputMbps, 100)[OFFSET(50)], 2) AS median_download_mbps,
  ROUND(APPROX_QUANTILES(a.MinRTT, 100)[OFFSET(50)], 2)             AS median_rtt_ms,
  COUNT(*)                                                          AS test_count
FROM ndt.ndt7_union
WHERE date >= CURRENT_DATE - INTERVAL '30 days'
  AND client.Network.ASNumber = 7922
  AND a.MeanThroughputMbps > 0
