-- Q10: mean download speed by country in the last 30 days.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/getting-started-bigquery.md.
-- Changed: the tables without their project, strings in single quotes; DATE_SUB is a subtraction.
-- As published it counts uploads as well: `ndt7_union` has both directions.

SELECT
  client.Geo.CountryCode              AS country,
  ROUND(AVG(a.MeanThroughputMbps), 2) AS avg_download_mbps,
  COUNT(*)                            AS test_count
FROM ndt.ndt7_union
WHERE date >= CURRENT_DATE - INTERVAL '30 days'
  AND a.MeanThroughputMbps > 0
  AND a.MeanThroughputMbps < 10000
GROUP BY country
ORDER BY avg_download_mbps DESC
LIMIT 20
