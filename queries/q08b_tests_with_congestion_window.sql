-- Q8': tests with the last congestion window of their connections.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/core-service-tcp-info.md.
-- Changed: the tables without their project, strings in single quotes, the date.

SELECT
  ndt.a.TestTime,
  ndt.a.MeanThroughputMbps,
  ndt.client.Geo.CountryCode,
  tcpinfo.a.FinalSnapshot.tcpinfo.MinRTT,
  tcpinfo.a.FinalSnapshot.tcpinfo.SndCwnd
FROM ndt.ndt7_union AS ndt
JOIN ndt.tcpinfo AS tcpinfo
  ON ndt.id = tcpinfo.id
WHERE ndt.date = '2026-11-24' AND tcpinfo.date = '2026-11-24'
