-- Q13: median speed of a network by month, over years.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/research-guide.md.
-- Changed: the tables without their project, strings in single quotes, the dates; DATE_TRUNC's arguments are swapped.

SELECT
  date_trunc('month', a.TestTime)                                   AS month,
  ROUND(APPROX_QUANTILES(a.MeanThroughputMbps, 100)[OFFSET(50)], 2) AS median_mbps
FROM ndt.ndt7_union
WHERE date BETWEEN '2022-01-01' AND '2026-12-31'
  AND client.Network.ASNumber = 7922
  AND a.MeanThroughputMbps > 0
GROUP BY month
ORDER BY month
