-- Q9b: hops of traceroutes.
--
-- Source: m-lab/knowledgebase d835866, src/content/articles/core-service-traceroute.md.
-- Changed: the tables without their project, strings in single quotes, the date; the UNNEST over nodes, links, probes and
-- replies is the view `ndt.hops`, whose rows without an answer are left out.
-- The published query names a hop after the node before the link; here it is who answered.

SELECT
  start_time,
  src    AS server_ip,
  dst    AS client_ip,
  addr   AS hop_ip,
  ttl,
  rtt_ms AS hop_rtt_ms
FROM ndt.hops
WHERE date = '2026-11-24'
  AND addr IS NOT NULL
LIMIT 100
