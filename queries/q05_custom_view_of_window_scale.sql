-- Q5: a unified view of one's own, with the window scale that clients offer, by year.
--
-- Source: m-lab/m-lab.github.io 586390e, _pages/tests/ndt/unified-views-custom.md.
-- Changed: the tables without their project, strings in single quotes; of the three datasets that of ndt7; the last reading of
-- the socket is `FinalSnapshot`; columns that are not asked for are left out.

WITH CustomUnifiedView AS (
  SELECT
    id, date, a, filter, client, server,
    FinalSnapshot.TCPInfo.WScale & 15 AS WScale
  FROM ndt_intermediate.extended_ndt7_downloads
  WHERE
    filter.IsComplete
    AND filter.IsProduction
    AND NOT filter.IsError
    AND NOT filter.IsOAM
    AND NOT filter.IsPlatformAnomaly
    AND NOT filter.IsSmall
    AND (NOT filter.IsShort OR filter.IsEarlyExit)
    AND NOT filter.IsLong
    AND NOT filter._IsRFC1918
)
SELECT
  EXTRACT(year FROM date) AS year,
  WScale,
  COUNT(*) AS tests
FROM CustomUnifiedView
WHERE date > '2009-01-01'
GROUP BY year, WScale
ORDER BY year, WScale
