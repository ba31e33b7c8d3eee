-- Q7a: how many snapshots connections have, of all connections, with noise.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/tcpinfo-snapshot-analysis.md.
-- Changed: the tables without their project, strings in single quotes, the date; the subquery over UNNEST(raw.Snapshots) is
-- the column `SnapshotCount`.
-- Nothing is thinned here: M-Lab's counts are about a tenth.

WITH snapshot_counts AS (
  SELECT
    id,
    SnapshotCount AS num_snapshots
  FROM ndt.tcpinfo
  WHERE
    date = '2026-11-24'
    AND client.Geo.CountryCode = 'US'
)
SELECT
  num_snapshots,
  COUNT(*)                                            AS num_connections,
  ROUND(COUNT(*) * 100.0 / SUM(COUNT(*)) OVER (), 2) AS pct
FROM snapshot_counts
GROUP BY num_snapshots
ORDER BY num_snapshots
