-- Q8: round-trip times and jitter of downloads by country and site.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/tcpinfo-snapshot-analysis.md.
-- Changed: the tables without their project, strings in single quotes, the date.
-- A MinRTT that was never measured is NULL here; the comparison leaves it out as well.

SELECT
  ndt7.client.Geo.CountryCode                              AS country,
  ndt7.server.Site                                         AS site,
  COUNT(*)                                                 AS test_count,
  ROUND(AVG(tcp.a.FinalSnapshot.TCPInfo.MinRTT) / 1000, 2) AS avg_min_rtt_ms,
  ROUND(
    percentile_approx(tcp.a.FinalSnapshot.TCPInfo.RTT, 0.95, 10000) / 1000,
    2
  )                                                        AS p95_rtt_ms,
  ROUND(AVG(tcp.a.FinalSnapshot.TCPInfo.RTTVar) / 1000, 2) AS avg_rttvar_ms
FROM ndt.ndt7_union AS ndt7
JOIN ndt.tcpinfo AS tcp
  ON  ndt7.id   = tcp.id
  AND ndt7.date = tcp.date
WHERE
  ndt7.date = '2026-11-24'
  AND ndt7.raw.Download.UUID IS NOT NULL
  AND ndt7.a.MeanThroughputMbps IS NOT NULL
  AND tcp.a.FinalSnapshot.TCPInfo.MinRTT < 4294967295
  AND tcp.a.FinalSnapshot.TCPInfo.RTT > 0
GROUP BY country, site
HAVING test_count > 100
ORDER BY avg_min_rtt_ms
LIMIT 50
