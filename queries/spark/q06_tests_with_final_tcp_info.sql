-- Q6: tests with the last TCP_INFO of their connections.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/tcpinfo-snapshot-analysis.md.
-- Changed: the tables without their project, strings in single quotes, the date.

SELECT
  ndt7.id,
  ndt7.date,
  ndt7.a.MeanThroughputMbps,
  ndt7.a.MinRTT,
  ndt7.client.Geo.CountryCode          AS client_country,
  ndt7.server.Site                     AS server_site,
  tcp.a.FinalSnapshot.TCPInfo.BytesAcked,
  tcp.a.FinalSnapshot.TCPInfo.BytesRetrans,
  tcp.a.FinalSnapshot.TCPInfo.TotalRetrans,
  tcp.a.FinalSnapshot.TCPInfo.MinRTT   AS tcpinfo_min_rtt_us,
  tcp.a.FinalSnapshot.TCPInfo.RTT      AS tcpinfo_rtt_us,
  tcp.a.FinalSnapshot.TCPInfo.RTTVar   AS tcpinfo_rttvar_us
FROM ndt.ndt7 AS ndt7
JOIN ndt.tcpinfo AS tcp
  ON  ndt7.id   = tcp.id
  AND ndt7.date = tcp.date
WHERE
  ndt7.date = '2026-11-24'
  AND ndt7.a.MeanThroughputMbps IS NOT NULL
ORDER BY ndt7.date DESC
LIMIT 10
