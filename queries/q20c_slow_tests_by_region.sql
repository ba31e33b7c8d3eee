-- Q20c: share of tests below thresholds, by region and day.
--
-- Source: M-Lab's study of Italy in 2020; its SQL is not published, this is ours.
-- Changed: `Subdivision1ISOCode` tells the region, where theirs was ST_WITHIN.

SELECT
  date,
  client.Geo.Subdivision1ISOCode AS region,
  COUNT(*) AS tests,
  SAFE_DIVIDE(COUNTIF(a.MeanThroughputMbps < 1.0), COUNT(*)) AS below_1,
  SAFE_DIVIDE(COUNTIF(a.MeanThroughputMbps < 1.6), COUNT(*)) AS below_1_6,
  SAFE_DIVIDE(COUNTIF(a.MeanThroughputMbps < 2.5), COUNT(*)) AS below_2_5,
  SAFE_DIVIDE(COUNTIF(a.MeanThroughputMbps < 4.0), COUNT(*)) AS below_4,
  SAFE_DIVIDE(COUNTIF(a.MeanThroughputMbps < 6.3), COUNT(*)) AS below_6_3,
  SAFE_DIVIDE(COUNTIF(a.MeanThroughputMbps < 10.0), COUNT(*)) AS below_10,
  SAFE_DIVIDE(COUNTIF(a.MeanThroughputMbps < 16.0), COUNT(*)) AS below_16
FROM ndt.unified_downloads
WHERE client.Geo.CountryCode = 'IT'
GROUP BY date, region
ORDER BY date, region
