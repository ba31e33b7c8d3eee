-- Q15: tests at one's own site in the last 7 days.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/byos-overview.md.
-- Changed: the tables without their project, strings in single quotes; DATE_SUB is a subtraction.

SELECT a.TestTime, a.MeanThroughputMbps, client.Network.ASName
FROM ndt.ndt7_union
WHERE server.Site = 'your-site-id'
  AND date >= CURRENT_DATE() - INTERVAL '7' DAY
ORDER BY a.TestTime DESC
