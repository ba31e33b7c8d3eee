-- Q7b: how many snapshots connections have, of complete tests.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/tcpinfo-snapshot-analysis.md.
-- Changed: the tables without their project, strings in single quotes, the date; nothing else.
-- Nothing is thinned here: M-Lab's counts are about a tenth.

WITH snapshot_counts AS (
  SELECT
    tcp.id,
    ARRAY_LENGTH(tcp.raw.Snapshots) AS num_snapshots
  FROM ndt.ndt7 AS ndt7
  JOIN ndt.tcpinfo AS tcp
    ON  ndt7.id   = tcp.id
    AND ndt7.date = tcp.date
  WHERE
    ndt7.date = '2026-11-24'
    AND ndt7.a.MeanThroughputMbps IS NOT NULL
    AND tcp.client.Geo.CountryCode = 'US'
)
SELECT
  num_snapshots,
  COUNT(*)                                            AS num_connections,
  ROUND(COUNT(*) * 100.0 / SUM(COUNT(*)) OVER (), 2) AS pct
FROM snapshot_counts
GROUP BY num_snapshots
ORDER BY num_snapshots
