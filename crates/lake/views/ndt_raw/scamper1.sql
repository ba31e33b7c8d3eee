-- Every traceroute in the shape of scamper's `tracelb`, which M-Lab stores.
--
-- A repeated trace has a row for each connection, with `CachedResult` TRUE.
-- `ndt.hops` has the same flat.

SELECT
  flow_id AS id,
  named_struct(
    'Version', software_version,
    'Time', CAST(NULL AS TIMESTAMP),
    'ArchiveURL', CAST(NULL AS VARCHAR),
    'Filename', CAST(NULL AS VARCHAR),
    'Priority', CAST(NULL AS BIGINT),
    'GitCommit', CAST(NULL AS VARCHAR),
    'ArchiveSize', CAST(NULL AS BIGINT),
    'FileSize', CAST(NULL AS BIGINT)
  ) AS parser,
  date,
  named_struct(
    'Metadata', named_struct(
      'UUID', flow_id,
      'TracerouteCallerVersion', software_version,
      'CachedResult', cached,
      'CachedUUID', cached_flow_id
    ),
    'CycleStart', named_struct(
      'type', 'cycle-start',
      'list_name', 'default',
      'id', 0.0,
      'hostname', machine,
      'start_time', CAST(CAST(start_time AS BIGINT) / 1000000 AS DOUBLE)
    ),
    'Tracelb', named_struct(
      'type', 'tracelb',
      'version', '0.1',
      'userid', 0.0,
      'method', CASE protocol
        WHEN 'udp' THEN 'udp-sport'
        WHEN 'icmp' THEN 'icmp-echo'
        WHEN 'tcp' THEN 'tcp-sport'
      END,
      'src', source_ip,
      'dst', target_ip,
      'start', named_struct(
        'Sec', CAST(start_time AS BIGINT) / 1000000,
        'Usec', CAST(start_time AS BIGINT) % 1000000
      ),
      'probe_size', CAST(probe_bytes AS DOUBLE),
      'firsthop', 1.0,
      'attempts', CAST(attempts AS DOUBLE),
      -- In percent, as it was asked for; what was reached is in `traces.confidence`.
      'confidence', floor(100 - 100 * failure_probability + 1e-9),
      'tos', 0.0,
      'gaplimit', CAST(gap_limit AS DOUBLE),
      'wait_timeout', ceil(reply_timeout_ms / 1e3),
      'wait_probe', 0.0,
      'probec', CAST(probe_count AS DOUBLE),
      'probec_max', CAST(max_probes AS DOUBLE),
      'nodec', CAST(node_count AS DOUBLE),
      'linkc', CAST(link_count AS DOUBLE),
      'nodes', scamper_nodes(
        nodes,
        links,
        probes,
        protocol,
        concat(to_char(date, '%Y%m%d'), '_', machine, '_')
      )
    ),
    'CycleStop', named_struct(
      'type', 'cycle-stop',
      'list_name', 'default',
      'id', 0.0,
      'hostname', machine,
      'stop_time', CAST(CAST(end_time AS BIGINT) / 1000000 AS DOUBLE)
    )
  ) AS raw
FROM traces
WHERE start_time IS NOT NULL
