-- Every probe of every traceroute with its answer: one row per probe.
--
-- What M-Lab's `UNNEST` over nodes, links, probes and replies of `scamper1` gives,
-- and the probes that nobody answered, whose `addr` is NULL.

SELECT
  id,
  date,
  start_time,
  src,
  dst,
  outcome,
  -- The trace was made for an earlier connection and is repeated here.
  cached,
  site,
  machine,
  probe['ttl'] AS ttl,
  probe['flow'] AS flow,
  probe['sent_time'] AS sent_time,
  probe['reply_ip'] AS addr,
  probe['reply'] AS reply,
  probe['rtt_us'] / 1e3 AS rtt_ms,
  probe['reply_country_code'] AS country_code,
  probe['reply_asn'] AS asn,
  probe['reply_as_name'] AS as_name
FROM (
  SELECT
    flow_id AS id,
    date,
    start_time,
    source_ip AS src,
    target_ip AS dst,
    outcome,
    cached,
    site,
    machine,
    unnest(probes) AS probe
  FROM traces
  WHERE probe_count > 0
)
