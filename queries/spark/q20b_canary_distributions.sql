-- Q20b: distribution of speeds by site, in buckets of .02 decades, and its sum.
--
-- Source: m-lab/etl-schema e00a051, functions/ops.ndt7_download_pdf_managed.sql.
-- Changed: a query and no table function; a bucket is computed, not joined; empty
-- buckets have no row; both arms of a rollout.

WITH counts AS (
  SELECT
    server.Site AS site,
    CASE WHEN filter.IsProduction THEN 'stable' ELSE 'canary' END AS arm,
    ROUND(LOG10(a.MeanThroughputMbps) / 0.02) * 0.02 AS bucket,
    COUNT(*) AS bin_count
  FROM ndt_intermediate.extended_ndt7_downloads
  WHERE filter.IsComplete AND NOT filter.IsError
    AND NOT filter.IsOAM AND NOT filter.IsPlatformAnomaly AND NOT filter.IsSmall
    AND (filter.IsEarlyExit OR NOT filter.IsShort) AND NOT filter.IsLong AND NOT filter._IsRFC1918
    AND a.MeanThroughputMbps BETWEEN 0.01 AND 10000
  GROUP BY site, arm, bucket
),
densities AS (
  SELECT
    site,
    arm,
    bucket,
    bin_count / CAST(SUM(bin_count) OVER (PARTITION BY site, arm) AS DOUBLE) AS site_pdf
  FROM counts
)
SELECT
  POW(10, bucket + 0.01) AS xright,
  site,
  arm,
  site_pdf,
  SUM(site_pdf) OVER (
    PARTITION BY site, arm ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS site_cdf
FROM densities
ORDER BY site, arm, bucket
