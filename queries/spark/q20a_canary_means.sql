-- Q20a: geometric means of stable and canary stations by site.
--
-- Source: m-lab/etl-schema e00a051, functions/ops.ndt7_geomean_managed.sql.
-- Changed: a query and no table function; all three fields at once; both arms of a
-- rollout, where it is asked for production or canary machines.

SELECT
  server.Site AS site,
  CASE WHEN filter.IsProduction THEN 'stable' ELSE 'canary' END AS arm,
  COUNT(*) AS tests,
  AVG(a.MeanThroughputMbps) AS mean_mbps,
  EXP(AVG(LN(a.MeanThroughputMbps))) AS geomean_mbps,
  EXP(AVG(LN(a.MinRTT))) AS geomean_min_rtt_ms,
  AVG(a.LossRate) AS mean_loss
FROM ndt_intermediate.extended_ndt7_downloads
WHERE filter.IsComplete AND NOT filter.IsError
    AND NOT filter.IsOAM AND NOT filter.IsPlatformAnomaly AND NOT filter.IsSmall
    AND (filter.IsEarlyExit OR NOT filter.IsShort) AND NOT filter.IsLong AND NOT filter._IsRFC1918
  AND a.MeanThroughputMbps > 0
  AND server.Site IS NOT NULL
GROUP BY site, arm
ORDER BY site, arm
