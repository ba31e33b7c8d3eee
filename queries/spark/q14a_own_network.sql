-- Q14a: one's own network in the last 30 days.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/getting-started-isp-ixp.md.
-- Changed: the tables without their project, strings in single quotes; DATE_SUB is a subtraction.

SELECT
  ROUND(percentile_approx(a.MeanThroughputMbps, 0.5, 10000), 2) AS median_download_mbps,
  ROUND(percentile_approx(a.MinRTT, 0.5, 10000), 2)             AS median_rtt_ms,
  COUNT(*)                                                          AS test_count
FROM ndt.ndt7_union
WHERE date >= CURRENT_DATE() - INTERVAL '30' DAY
  AND client.Network.ASNumber = 7922
  AND a.MeanThroughputMbps > 0
