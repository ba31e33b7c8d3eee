-- Q12: tests and mean speed by region of a country.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/research-guide.md.
-- Changed: the tables without their project, strings in single quotes, the dates; `Region`, which is NULL in the unified views and
-- everywhere here, is `Subdivision1ISOCode`.

SELECT
  client.Geo.Subdivision1ISOCode      AS region,
  COUNT(*)                            AS test_count,
  ROUND(AVG(a.MeanThroughputMbps), 2) AS avg_mbps
FROM ndt.ndt7_union
WHERE date BETWEEN '2026-11-01' AND '2026-11-30'
  AND client.Geo.CountryCode = 'US'
GROUP BY region
ORDER BY test_count DESC
