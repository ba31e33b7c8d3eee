-- The views of crates/lake/views as Spark SQL, for a lake that one machine no longer
-- holds.  Spark 4 with delta-spark; `lake` is the address of the lake:
--
--   spark-sql --packages io.delta:delta-spark_2.13:4.0.0 \
--     --conf spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension \
--     --conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog \
--     --conf spark.sql.constraintPropagation.enabled=false \
--     --define lake=s3a://my-bucket/trigpoint -f queries/spark/views.sql
--
-- Without the option for constraints and `WITH SCHEMA EVOLUTION`, Spark 4 runs out of
-- memory while it plans: it infers constraints on fields of nested structs without end,
-- and keeps each view's schema by a cast that hides what its structs are made of.
--
-- What differs from the files there: names of functions (`transform`, `exists`,
-- `array`, `explode`, `date_format`, `div`), `ndt_raw.scamper1` has no `nodes`, and
-- `ndt.tcpinfo` no `raw`.

CREATE TABLE IF NOT EXISTS speed_tests USING delta LOCATION '${lake}/speed_tests';

CREATE TABLE IF NOT EXISTS flows USING delta LOCATION '${lake}/flows';

CREATE TABLE IF NOT EXISTS snapshots USING delta LOCATION '${lake}/snapshots';

CREATE TABLE IF NOT EXISTS traces USING delta LOCATION '${lake}/traces';

CREATE DATABASE IF NOT EXISTS ndt;

CREATE DATABASE IF NOT EXISTS ndt_raw;

CREATE DATABASE IF NOT EXISTS ndt_intermediate;

CREATE OR REPLACE VIEW ndt_intermediate.ndt7_tests WITH SCHEMA EVOLUTION AS
-- Every ndt7 test with all that the other views of tests are made of, in M-Lab's
-- names.  M-Lab has no such view: its extended views compute this for themselves.
--
-- One field of a stored struct costs the reading of all its fields, so what
-- filters and summaries need comes from flat columns.

SELECT
  flow_id AS id,
  date,
  direction,
  named_struct(
    'Version', software_version,
    'Time', CAST(NULL AS TIMESTAMP),
    'ArchiveURL', CAST(NULL AS STRING),
    'Filename', CAST(NULL AS STRING),
    'Priority', CAST(NULL AS BIGINT),
    'GitCommit', CAST(NULL AS STRING),
    'ArchiveSize', CAST(NULL AS BIGINT),
    'FileSize', CAST(NULL AS BIGINT)
  ) AS parser,
  named_struct(
    'UUID', flow_id,
    'TestTime', start_time,
    -- As read from the socket; M-Lab writes `bbr` for every test.
    'CongestionControl', congestion_control,
    'MeanThroughputMbps', throughput_bits_per_s / 1e6,
    'MinRTT', min_rtt_us / 1e3,
    -- Of uploads NULL, where M-Lab's table has 0 and its unified view NULL.
    'LossRate', retransmission_share
  ) AS a,
  software_version,
  server_ip,
  server_port,
  client_ip,
  client_port,
  start_time,
  end_time,
  site,
  machine,
  named_struct(
    'ContinentCode', client_continent_code,
    'CountryCode', client_country_code,
    'CountryCode3', client_country_code3,
    'CountryName', client_country_name,
    'Region', CAST(NULL AS STRING),
    'Subdivision1ISOCode', client_subdivision1_iso_code,
    'Subdivision1Name', client_subdivision1_name,
    'Subdivision2ISOCode', client_subdivision2_iso_code,
    'Subdivision2Name', client_subdivision2_name,
    'MetroCode', client_metro_code,
    'City', client_city,
    'AreaCode', CAST(NULL AS BIGINT),
    'PostalCode', client_postal_code,
    'Latitude', client_latitude,
    'Longitude', client_longitude,
    'AccuracyRadiusKm', client_accuracy_radius_km,
    'Missing', client_country_code IS NULL
  ) AS client_geo,
  named_struct(
    'CIDR', client_network_cidr,
    'ASNumber', client_asn,
    'ASName', client_as_name,
    'Missing', client_asn IS NULL,
    'Systems', CASE WHEN client_asn IS NOT NULL
      THEN array(named_struct('ASNs', array(client_asn))) END
  ) AS client_network,
  named_struct(
    'ContinentCode', server_continent_code,
    'CountryCode', server_country_code,
    'CountryCode3', server_country_code3,
    'CountryName', server_country_name,
    'Region', CAST(NULL AS STRING),
    'Subdivision1ISOCode', server_subdivision1_iso_code,
    'Subdivision1Name', server_subdivision1_name,
    'Subdivision2ISOCode', server_subdivision2_iso_code,
    'Subdivision2Name', server_subdivision2_name,
    'MetroCode', server_metro_code,
    'City', server_city,
    'AreaCode', CAST(NULL AS BIGINT),
    'PostalCode', server_postal_code,
    'Latitude', server_latitude,
    'Longitude', server_longitude,
    'AccuracyRadiusKm', server_accuracy_radius_km,
    'Missing', server_country_code IS NULL
  ) AS server_geo,
  named_struct(
    'CIDR', server_network_cidr,
    'ASNumber', server_asn,
    'ASName', server_as_name,
    'Missing', server_asn IS NULL,
    'Systems', CASE WHEN server_asn IS NOT NULL
      THEN array(named_struct('ASNs', array(server_asn))) END
  ) AS server_network,
  named_struct(
    'UUID', flow_id,
    'StartTime', start_time,
    'EndTime', end_time,
    'ServerMeasurements', transform(server_measurements, m -> named_struct(
      'AppInfo', CASE WHEN m['app_info'] IS NOT NULL THEN named_struct(
        'NumBytes', m['app_info']['num_bytes'],
        'ElapsedTime', m['app_info']['elapsed_us']
      ) END,
      -- NULL under another algorithm, where M-Lab's has zeros.
      'BBRInfo', CASE WHEN m['bbr'] IS NOT NULL THEN named_struct(
        'BW', m['bbr']['bandwidth_bytes_per_s'],
        'MinRTT', m['bbr']['min_rtt_us'],
        'PacingGain', m['bbr']['pacing_gain'],
        'CwndGain', m['bbr']['cwnd_gain'],
        'ElapsedTime', m['elapsed_us']
      ) END,
      'TCPInfo', CASE WHEN m['tcp_info'] IS NOT NULL THEN named_struct(
        'State', m['tcp_info']['state'],
        'CAState', m['tcp_info']['ca_state'],
        'Retransmits', m['tcp_info']['retransmits'],
        'Probes', m['tcp_info']['probes'],
        'Backoff', m['tcp_info']['backoff'],
        'Options', m['tcp_info']['options'],
        'WScale', m['tcp_info']['snd_wscale'] + 16 * m['tcp_info']['rcv_wscale'],
        'AppLimited', m['tcp_info']['delivery_rate_app_limited'] + 2 * m['tcp_info']['fastopen_client_fail'],
        'RTO', m['tcp_info']['rto_us'],
        'ATO', m['tcp_info']['ato_us'],
        'SndMSS', m['tcp_info']['snd_mss_bytes'],
        'RcvMSS', m['tcp_info']['rcv_mss_bytes'],
        'Unacked', m['tcp_info']['unacked_segments'],
        'Sacked', m['tcp_info']['sacked_segments'],
        'Lost', m['tcp_info']['lost_segments'],
        'Retrans', m['tcp_info']['retrans_segments'],
        'Fackets', m['tcp_info']['fackets_segments'],
        'LastDataSent', m['tcp_info']['last_data_sent_ms'],
        'LastAckSent', m['tcp_info']['last_ack_sent_ms'],
        'LastDataRecv', m['tcp_info']['last_data_recv_ms'],
        'LastAckRecv', m['tcp_info']['last_ack_recv_ms'],
        'PMTU', m['tcp_info']['pmtu_bytes'],
        'RcvSsThresh', m['tcp_info']['rcv_ssthresh_bytes'],
        'RTT', m['tcp_info']['rtt_us'],
        'RTTVar', m['tcp_info']['rttvar_us'],
        'SndSsThresh', m['tcp_info']['snd_ssthresh_segments'],
        'SndCwnd', m['tcp_info']['snd_cwnd_segments'],
        'AdvMSS', m['tcp_info']['advmss_bytes'],
        'Reordering', m['tcp_info']['reordering_segments'],
        'RcvRTT', m['tcp_info']['rcv_rtt_us'],
        'RcvSpace', m['tcp_info']['rcv_space_bytes'],
        'TotalRetrans', m['tcp_info']['total_retrans_segments'],
        'PacingRate', m['tcp_info']['pacing_rate_bytes_per_s'],
        'MaxPacingRate', m['tcp_info']['max_pacing_rate_bytes_per_s'],
        'BytesAcked', m['tcp_info']['bytes_acked'],
        'BytesReceived', m['tcp_info']['bytes_received'],
        'SegsOut', m['tcp_info']['segs_out'],
        'SegsIn', m['tcp_info']['segs_in'],
        'NotsentBytes', m['tcp_info']['notsent_bytes'],
        'MinRTT', m['tcp_info']['min_rtt_us'],
        'DataSegsIn', m['tcp_info']['data_segs_in'],
        'DataSegsOut', m['tcp_info']['data_segs_out'],
        'DeliveryRate', m['tcp_info']['delivery_rate_bytes_per_s'],
        'BusyTime', m['tcp_info']['busy_time_us'],
        'RWndLimited', m['tcp_info']['rwnd_limited_us'],
        'SndBufLimited', m['tcp_info']['sndbuf_limited_us'],
        'Delivered', m['tcp_info']['delivered_segments'],
        'DeliveredCE', m['tcp_info']['delivered_ce_segments'],
        'BytesSent', m['tcp_info']['bytes_sent'],
        'BytesRetrans', m['tcp_info']['bytes_retrans'],
        'DSackDups', m['tcp_info']['dsack_dups'],
        'ReordSeen', m['tcp_info']['reord_seen'],
        'RcvOooPack', m['tcp_info']['rcv_ooopack_segments'],
        'SndWnd', m['tcp_info']['snd_wnd_bytes'],
        'RcvWnd', m['tcp_info']['rcv_wnd_bytes'],
        'Rehash', m['tcp_info']['rehash'],
        'TotalRTO', m['tcp_info']['total_rto'],
        'TotalRTORecoveries', m['tcp_info']['total_rto_recoveries'],
        'TotalRTOTime', m['tcp_info']['total_rto_time_ms'],
        'ElapsedTime', m['elapsed_us']
      ) END
    )),
    'ClientMeasurements', transform(client_measurements, m -> named_struct(
      'AppInfo', CASE WHEN m['app_info'] IS NOT NULL THEN named_struct(
        'NumBytes', m['app_info']['num_bytes'],
        'ElapsedTime', m['app_info']['elapsed_us']
      ) END
    )),
    'ClientMetadata', transform(client_metadata, m -> named_struct(
      'Name', m['name'],
      'Value', m['value']
    )),
    'ServerMetadata', transform(server_metadata, m -> named_struct(
      'Name', m['name'],
      'Value', m['value']
    ))
  ) AS test,
  CASE WHEN last_elapsed_us IS NOT NULL THEN named_struct(
    'TCPInfo', named_struct(
      'State', last_tcp_info['state'],
      'CAState', last_tcp_info['ca_state'],
      'Retransmits', last_tcp_info['retransmits'],
      'Probes', last_tcp_info['probes'],
      'Backoff', last_tcp_info['backoff'],
      'Options', last_tcp_info['options'],
      'WScale', last_tcp_info['snd_wscale'] + 16 * last_tcp_info['rcv_wscale'],
      'AppLimited', last_tcp_info['delivery_rate_app_limited'] + 2 * last_tcp_info['fastopen_client_fail'],
      'RTO', last_tcp_info['rto_us'],
      'ATO', last_tcp_info['ato_us'],
      'SndMSS', last_tcp_info['snd_mss_bytes'],
      'RcvMSS', last_tcp_info['rcv_mss_bytes'],
      'Unacked', last_tcp_info['unacked_segments'],
      'Sacked', last_tcp_info['sacked_segments'],
      'Lost', last_tcp_info['lost_segments'],
      'Retrans', last_tcp_info['retrans_segments'],
      'Fackets', last_tcp_info['fackets_segments'],
      'LastDataSent', last_tcp_info['last_data_sent_ms'],
      'LastAckSent', last_tcp_info['last_ack_sent_ms'],
      'LastDataRecv', last_tcp_info['last_data_recv_ms'],
      'LastAckRecv', last_tcp_info['last_ack_recv_ms'],
      'PMTU', last_tcp_info['pmtu_bytes'],
      'RcvSsThresh', last_tcp_info['rcv_ssthresh_bytes'],
      'RTT', last_tcp_info['rtt_us'],
      'RTTVar', last_tcp_info['rttvar_us'],
      'SndSsThresh', last_tcp_info['snd_ssthresh_segments'],
      'SndCwnd', last_tcp_info['snd_cwnd_segments'],
      'AdvMSS', last_tcp_info['advmss_bytes'],
      'Reordering', last_tcp_info['reordering_segments'],
      'RcvRTT', last_tcp_info['rcv_rtt_us'],
      'RcvSpace', last_tcp_info['rcv_space_bytes'],
      'TotalRetrans', last_tcp_info['total_retrans_segments'],
      'PacingRate', last_tcp_info['pacing_rate_bytes_per_s'],
      'MaxPacingRate', last_tcp_info['max_pacing_rate_bytes_per_s'],
      'BytesAcked', last_tcp_info['bytes_acked'],
      'BytesReceived', last_tcp_info['bytes_received'],
      'SegsOut', last_tcp_info['segs_out'],
      'SegsIn', last_tcp_info['segs_in'],
      'NotsentBytes', last_tcp_info['notsent_bytes'],
      'MinRTT', last_tcp_info['min_rtt_us'],
      'DataSegsIn', last_tcp_info['data_segs_in'],
      'DataSegsOut', last_tcp_info['data_segs_out'],
      'DeliveryRate', last_tcp_info['delivery_rate_bytes_per_s'],
      'BusyTime', last_tcp_info['busy_time_us'],
      'RWndLimited', last_tcp_info['rwnd_limited_us'],
      'SndBufLimited', last_tcp_info['sndbuf_limited_us'],
      'Delivered', last_tcp_info['delivered_segments'],
      'DeliveredCE', last_tcp_info['delivered_ce_segments'],
      'BytesSent', last_tcp_info['bytes_sent'],
      'BytesRetrans', last_tcp_info['bytes_retrans'],
      'DSackDups', last_tcp_info['dsack_dups'],
      'ReordSeen', last_tcp_info['reord_seen'],
      'RcvOooPack', last_tcp_info['rcv_ooopack_segments'],
      'SndWnd', last_tcp_info['snd_wnd_bytes'],
      'RcvWnd', last_tcp_info['rcv_wnd_bytes'],
      'Rehash', last_tcp_info['rehash'],
      'TotalRTO', last_tcp_info['total_rto'],
      'TotalRTORecoveries', last_tcp_info['total_rto_recoveries'],
      'TotalRTOTime', last_tcp_info['total_rto_time_ms'],
      'ElapsedTime', last_elapsed_us
    )
  ) END AS FinalSnapshot,
  -- What carried the test is known, also on other ports than 443 and 80.
  concat('ndt7-IPv', ip_version, '-', upper(transport)) AS Protocol,
  last_elapsed_us IS NOT NULL AS IsComplete,
  coalesce(arm, 'stable') = 'stable' AS IsProduction,
  -- The server could not go on, or was stopped; of M-Lab's tests always FALSE.
  coalesce(end_reason IN ('internal_error', 'station_stopped'), FALSE) AS IsError,
  -- Until monitoring clients carry signed tokens.
  FALSE AS IsOAM,
  coalesce(regexp_like(client_ip, '^(10|192[.]168|172[.](1[6-9]|2[0-9]|3[01]))[.]'), FALSE) AS _IsRFC1918,
  -- Until tests are judged by the health of their host.
  FALSE AS IsPlatformAnomaly,
  CAST(NULL AS STRING) AS Verdict,
  -- The bytes that the rate was computed from: BytesAcked or BytesReceived.
  coalesce(round(throughput_bits_per_s * last_elapsed_us / 8e6) < 8192, FALSE) AS IsSmall,
  coalesce(elapsed_us div 1000 < 9000, FALSE) AS IsShort,
  coalesce(elapsed_us div 1000 > 60000, FALSE) AS IsLong,
  coalesce(exists(client_metadata, m -> m['name'] = 'early_exit'), FALSE) AS IsEarlyExit,
  coalesce(last_tcp_info['total_retrans_segments'] > 0, FALSE) AS _IsCongested,
  coalesce(
    last_tcp_info['rtt_us'] > 2 * last_tcp_info['min_rtt_us'] AND last_tcp_info['rtt_us'] > 1000,
    FALSE
  ) AS _IsBloated
FROM default.speed_tests AS speed_tests
WHERE protocol = 'ndt7';

CREATE OR REPLACE VIEW ndt.ndt7 WITH SCHEMA EVOLUTION AS
-- Every ndt7 test with its annotations, one row per test and direction.
--
-- One branch for each direction, not one CASE: a query for a field of
-- `raw.Download` then reads the columns of that field and nothing else.

SELECT
  id,
  date,
  parser,
  named_struct(
    'Site', site,
    'Machine', machine,
    'Geo', server_geo,
    'Network', server_network
  ) AS server,
  named_struct(
    'Geo', client_geo,
    'Network', client_network
  ) AS client,
  a,
  named_struct(
    'GitShortCommit', CAST(NULL AS STRING),
    'Version', software_version,
    'ServerIP', server_ip,
    'ServerPort', server_port,
    'ClientIP', client_ip,
    'ClientPort', client_port,
    'StartTime', start_time,
    'EndTime', end_time,
    'Upload', CASE WHEN FALSE THEN test END,
    'Download', test
  ) AS raw
FROM ndt_intermediate.ndt7_tests
WHERE direction = 'download'

UNION ALL

SELECT
  id,
  date,
  parser,
  named_struct(
    'Site', site,
    'Machine', machine,
    'Geo', server_geo,
    'Network', server_network
  ) AS server,
  named_struct(
    'Geo', client_geo,
    'Network', client_network
  ) AS client,
  a,
  named_struct(
    'GitShortCommit', CAST(NULL AS STRING),
    'Version', software_version,
    'ServerIP', server_ip,
    'ServerPort', server_port,
    'ClientIP', client_ip,
    'ClientPort', client_port,
    'StartTime', start_time,
    'EndTime', end_time,
    'Upload', test,
    'Download', CASE WHEN FALSE THEN test END
  ) AS raw
FROM ndt_intermediate.ndt7_tests
WHERE direction = 'upload';

CREATE OR REPLACE VIEW ndt.ndt7_union WITH SCHEMA EVOLUTION AS
-- Every ndt7 test of all fleets.  M-Lab joins its own and the dynamic fleet here,
-- and leaves out how the row came to be; there is one kind of station here.

SELECT id, date, server, client, a, raw
FROM ndt.ndt7;

CREATE OR REPLACE VIEW ndt_raw.ndt7 WITH SCHEMA EVOLUTION AS
-- Every ndt7 test without its annotations.

SELECT id, a, parser, date, raw
FROM ndt.ndt7;

CREATE OR REPLACE VIEW ndt_intermediate.extended_ndt7_downloads WITH SCHEMA EVOLUTION AS
-- Every ndt7 download, valid or not, with the predicates that tell which.
--
-- Every field of `filter` is TRUE or FALSE, never NULL: what is not known does not
-- hide a test.  The predicates are those of m-lab/etl-schema, which are no
-- promise there either: see docs/mlab-compatibility.md.

SELECT
  id,
  date,
  named_struct(
    'UUID', a['UUID'],
    'TestTime', a['TestTime'],
    'Direction', 'Download',
    'CongestionControl', a['CongestionControl'],
    'MeanThroughputMbps', a['MeanThroughputMbps'],
    'MinRTT', a['MinRTT'],
    'LossRate', a['LossRate']
  ) AS a,
  named_struct(
    'View', 'extended_ndt7_downloads',
    'Protocol', Protocol,
    'ClientMetadata', test['ClientMetadata'],
    'ServerMetadata', test['ServerMetadata'],
    'Tables', array(parser)
  ) AS metadata,
  named_struct(
    'IsComplete', IsComplete,
    'IsProduction', IsProduction,
    'IsError', IsError,
    'IsOAM', IsOAM,
    '_IsRFC1918', _IsRFC1918,
    'IsPlatformAnomaly', IsPlatformAnomaly,
    'IsSmall', IsSmall,
    'IsShort', IsShort,
    'IsLong', IsLong,
    'IsEarlyExit', IsEarlyExit,
    '_IsCongested', _IsCongested,
    '_IsBloated', _IsBloated
  ) AS filter,
  named_struct(
    'IP', client_ip,
    'Port', client_port,
    'Geo', client_geo,
    'Network', client_network
  ) AS client,
  named_struct(
    'IP', server_ip,
    'Port', server_port,
    'Site', site,
    'Machine', machine,
    'Geo', server_geo,
    'Network', server_network
  ) AS server,
  Verdict,
  -- Ours of M-Lab's `_internal202402`: the last reading of the socket.
  FinalSnapshot
FROM ndt_intermediate.ndt7_tests
WHERE direction = 'download';

CREATE OR REPLACE VIEW ndt_intermediate.extended_ndt7_uploads WITH SCHEMA EVOLUTION AS
-- Every ndt7 upload, valid or not, with the predicates that tell which.
--
-- Every field of `filter` is TRUE or FALSE, never NULL: what is not known does not
-- hide a test.  The predicates are those of m-lab/etl-schema, which are no
-- promise there either: see docs/mlab-compatibility.md.

SELECT
  id,
  date,
  named_struct(
    'UUID', a['UUID'],
    'TestTime', a['TestTime'],
    'Direction', 'Upload',
    'CongestionControl', a['CongestionControl'],
    'MeanThroughputMbps', a['MeanThroughputMbps'],
    'MinRTT', a['MinRTT'],
    'LossRate', a['LossRate']
  ) AS a,
  named_struct(
    'View', 'extended_ndt7_uploads',
    'Protocol', Protocol,
    'ClientMetadata', test['ClientMetadata'],
    'ServerMetadata', test['ServerMetadata'],
    'Tables', array(parser)
  ) AS metadata,
  named_struct(
    'IsComplete', IsComplete,
    'IsProduction', IsProduction,
    'IsError', IsError,
    'IsOAM', IsOAM,
    '_IsRFC1918', _IsRFC1918,
    'IsPlatformAnomaly', IsPlatformAnomaly,
    'IsSmall', IsSmall,
    'IsShort', IsShort,
    'IsLong', IsLong,
    'IsEarlyExit', FALSE,
    '_IsCongested', FALSE,
    '_IsBloated', FALSE
  ) AS filter,
  named_struct(
    'IP', client_ip,
    'Port', client_port,
    'Geo', client_geo,
    'Network', client_network
  ) AS client,
  named_struct(
    'IP', server_ip,
    'Port', server_port,
    'Site', site,
    'Machine', machine,
    'Geo', server_geo,
    'Network', server_network
  ) AS server,
  Verdict,
  -- Ours of M-Lab's `_internal202402`: the last reading of the socket.
  FinalSnapshot
FROM ndt_intermediate.ndt7_tests
WHERE direction = 'upload';

CREATE OR REPLACE VIEW ndt.unified_downloads WITH SCHEMA EVOLUTION AS
-- The downloads that tell of the network: what research starts with.
--
-- Which they are, and which they were thought to be earlier, is M-Lab's reading:
-- m-lab/etl-schema, views/ndt/unified_downloads.sql.  For another selection take
-- `ndt_intermediate.extended_ndt7_downloads`.

SELECT id, date, a, metadata, client, server, IsValidBest, IsValid2023, IsValid2021, Verdict
FROM (
  SELECT
    id,
    date,
    a,
    metadata,
    client,
    server,
    filter['IsComplete']
      AND filter['IsProduction']
      AND NOT filter['IsError']
      AND NOT filter['IsOAM']
      AND NOT filter['IsPlatformAnomaly']
      AND NOT filter['IsSmall']
      AND (NOT filter['IsShort'] OR filter['IsEarlyExit'])
      AND NOT filter['IsLong']
      AND NOT filter['_IsRFC1918'] AS IsValidBest,
    filter['IsComplete']
      AND filter['IsProduction']
      AND NOT filter['IsError']
      AND NOT filter['IsOAM']
      AND NOT filter['IsPlatformAnomaly']
      AND NOT filter['IsSmall']
      AND NOT filter['IsShort']
      AND NOT filter['IsLong']
      AND NOT filter['_IsRFC1918'] AS IsValid2023,
    filter['IsComplete']
      AND filter['IsProduction']
      AND NOT filter['IsError']
      AND NOT filter['IsOAM']
      AND NOT filter['IsPlatformAnomaly']
      AND NOT filter['IsSmall']
      AND NOT filter['IsShort']
      AND NOT filter['IsLong']
      AND NOT filter['_IsRFC1918']
      AND (filter['_IsCongested'] OR filter['_IsBloated']) AS IsValid2021,
    Verdict
  FROM ndt_intermediate.extended_ndt7_downloads
)
WHERE IsValidBest;

CREATE OR REPLACE VIEW ndt.unified_uploads WITH SCHEMA EVOLUTION AS
-- The uploads that tell of the network: what research starts with.
--
-- Which they are, and which they were thought to be earlier, is M-Lab's reading:
-- m-lab/etl-schema, views/ndt/unified_uploads.sql.  For another selection take
-- `ndt_intermediate.extended_ndt7_uploads`.

SELECT id, date, a, metadata, client, server, IsValidBest, IsValid2021, Verdict
FROM (
  SELECT
    id,
    date,
    a,
    metadata,
    client,
    server,
    filter['IsComplete']
      AND filter['IsProduction']
      AND NOT filter['IsError']
      AND NOT filter['IsOAM']
      AND NOT filter['IsPlatformAnomaly']
      AND NOT filter['IsSmall']
      AND NOT filter['IsShort']
      AND NOT filter['IsLong']
      AND NOT filter['_IsRFC1918'] AS IsValidBest,
    filter['IsComplete']
      AND filter['IsProduction']
      AND NOT filter['IsError']
      AND NOT filter['IsOAM']
      AND NOT filter['IsPlatformAnomaly']
      AND NOT filter['IsSmall']
      AND NOT filter['IsShort']
      AND NOT filter['IsLong']
      AND NOT filter['_IsRFC1918'] AS IsValid2021,
    Verdict
  FROM ndt_intermediate.extended_ndt7_uploads
)
WHERE IsValidBest;

CREATE OR REPLACE VIEW ndt_raw.annotation2 WITH SCHEMA EVOLUTION AS
-- Geography and network of both ends of every connection.
--
-- Like M-Lab's, it has a row for each connection to the station, not for tests
-- alone; other than M-Lab's, the row is written when the connection is gone.

SELECT
  flow_id AS id,
  named_struct(
    'Site', site,
    'Machine', machine,
    'Geo', named_struct(
      'ContinentCode', server_continent_code,
      'CountryCode', server_country_code,
      'CountryCode3', server_country_code3,
      'CountryName', server_country_name,
      'Region', CAST(NULL AS STRING),
      'Subdivision1ISOCode', server_subdivision1_iso_code,
      'Subdivision1Name', server_subdivision1_name,
      'Subdivision2ISOCode', server_subdivision2_iso_code,
      'Subdivision2Name', server_subdivision2_name,
      'MetroCode', server_metro_code,
      'City', server_city,
      'AreaCode', CAST(NULL AS BIGINT),
      'PostalCode', server_postal_code,
      'Latitude', server_latitude,
      'Longitude', server_longitude,
      'AccuracyRadiusKm', server_accuracy_radius_km,
      'Missing', server_country_code IS NULL
    ),
    'Network', named_struct(
      'CIDR', server_network_cidr,
      'ASNumber', server_asn,
      'ASName', server_as_name,
      'Missing', server_asn IS NULL,
      'Systems', CASE WHEN server_asn IS NOT NULL
        THEN array(named_struct('ASNs', array(server_asn))) END
    )
  ) AS server,
  named_struct(
    'Geo', named_struct(
      'ContinentCode', client_continent_code,
      'CountryCode', client_country_code,
      'CountryCode3', client_country_code3,
      'CountryName', client_country_name,
      'Region', CAST(NULL AS STRING),
      'Subdivision1ISOCode', client_subdivision1_iso_code,
      'Subdivision1Name', client_subdivision1_name,
      'Subdivision2ISOCode', client_subdivision2_iso_code,
      'Subdivision2Name', client_subdivision2_name,
      'MetroCode', client_metro_code,
      'City', client_city,
      'AreaCode', CAST(NULL AS BIGINT),
      'PostalCode', client_postal_code,
      'Latitude', client_latitude,
      'Longitude', client_longitude,
      'AccuracyRadiusKm', client_accuracy_radius_km,
      'Missing', client_country_code IS NULL
    ),
    'Network', named_struct(
      'CIDR', client_network_cidr,
      'ASNumber', client_asn,
      'ASName', client_as_name,
      'Missing', client_asn IS NULL,
      'Systems', CASE WHEN client_asn IS NOT NULL
        THEN array(named_struct('ASNs', array(client_asn))) END
    )
  ) AS client,
  named_struct(
    'Version', software_version,
    'Time', CAST(NULL AS TIMESTAMP),
    'ArchiveURL', CAST(NULL AS STRING),
    'Filename', CAST(NULL AS STRING),
    'Priority', CAST(NULL AS BIGINT),
    'GitCommit', CAST(NULL AS STRING),
    'ArchiveSize', CAST(NULL AS BIGINT),
    'FileSize', CAST(NULL AS BIGINT)
  ) AS parser,
  date
FROM default.flows AS flows;

CREATE OR REPLACE VIEW ndt.annotation2 WITH SCHEMA EVOLUTION AS
-- The annotations of every connection, as a dataset of its own.

SELECT * FROM ndt_raw.annotation2;

CREATE OR REPLACE VIEW ndt.tcpinfo WITH SCHEMA EVOLUTION AS
-- Every connection with its final counters.  Of the lake's `ndt.tcpinfo` it
-- lacks `raw`: `ndt.snapshots_flat` has every snapshot.

SELECT
  flows.flow_id AS id,
  named_struct(
    'SockID', named_struct(
      'SPort', local_port,
      'DPort', remote_port,
      'SrcIP', local_ip,
      'DstIP', remote_ip,
      'Cookie', cookie
    ),
    'FinalSnapshot', named_struct(
      'Timestamp', CASE WHEN final_from = 'destroy' THEN closed_time ELSE last_poll_time END,
      'InetDiagMsg', named_struct(
        'IDiagFamily', idiag_family,
        'IDiagState', state
      ),
      'CongestionAlgorithm', congestion_algorithm,
      'TCPInfo', named_struct(
        'State', state,
        'CAState', ca_state,
        'Retransmits', retransmits,
        'Probes', probes,
        'Backoff', backoff,
        'Options', options,
        'WScale', snd_wscale + 16 * rcv_wscale,
        'AppLimited', delivery_rate_app_limited + 2 * fastopen_client_fail,
        'RTO', rto_us,
        'ATO', ato_us,
        'SndMSS', snd_mss_bytes,
        'RcvMSS', rcv_mss_bytes,
        'Unacked', unacked_segments,
        'Sacked', sacked_segments,
        'Lost', lost_segments,
        'Retrans', retrans_segments,
        'Fackets', fackets_segments,
        'LastDataSent', last_data_sent_ms,
        'LastAckSent', last_ack_sent_ms,
        'LastDataRecv', last_data_recv_ms,
        'LastAckRecv', last_ack_recv_ms,
        'PMTU', pmtu_bytes,
        'RcvSsThresh', rcv_ssthresh_bytes,
        'RTT', rtt_us,
        'RTTVar', rttvar_us,
        'SndSsThresh', snd_ssthresh_segments,
        'SndCwnd', snd_cwnd_segments,
        'AdvMSS', advmss_bytes,
        'Reordering', reordering_segments,
        'RcvRTT', rcv_rtt_us,
        'RcvSpace', rcv_space_bytes,
        'TotalRetrans', total_retrans_segments,
        'PacingRate', pacing_rate_bytes_per_s,
        'MaxPacingRate', max_pacing_rate_bytes_per_s,
        'BytesAcked', bytes_acked,
        'BytesReceived', bytes_received,
        'SegsOut', segs_out,
        'SegsIn', segs_in,
        'NotsentBytes', notsent_bytes,
        'MinRTT', min_rtt_us,
        'DataSegsIn', data_segs_in,
        'DataSegsOut', data_segs_out,
        'DeliveryRate', delivery_rate_bytes_per_s,
        'BusyTime', busy_time_us,
        'RWndLimited', rwnd_limited_us,
        'SndBufLimited', sndbuf_limited_us,
        'Delivered', delivered_segments,
        'DeliveredCE', delivered_ce_segments,
        'BytesSent', bytes_sent,
        'BytesRetrans', bytes_retrans,
        'DSackDups', dsack_dups,
        'ReordSeen', reord_seen,
        'RcvOooPack', rcv_ooopack_segments,
        'SndWnd', snd_wnd_bytes,
        'RcvWnd', rcv_wnd_bytes,
        'Rehash', rehash,
        'TotalRTO', total_rto,
        'TotalRTORecoveries', total_rto_recoveries,
        'TotalRTOTime', total_rto_time_ms
      )
    )
  ) AS a,
  annotation.parser,
  flows.date,
  annotation.server,
  annotation.client,
  polls_done - polls_unchanged AS SnapshotCount
FROM default.flows AS flows
JOIN ndt_raw.annotation2 AS annotation
  ON flows.flow_id = annotation.id AND flows.date = annotation.date;

CREATE OR REPLACE VIEW ndt_raw.tcpinfo WITH SCHEMA EVOLUTION AS
-- Every connection without its annotations, and here without `raw`.

SELECT id, a, parser, date
FROM ndt.tcpinfo;

CREATE OR REPLACE VIEW ndt_raw.scamper1 WITH SCHEMA EVOLUTION AS
-- Every traceroute in the shape of scamper's `tracelb`, which M-Lab stores.
--
-- A repeated trace has a row for each connection, with `CachedResult` TRUE.
-- `ndt.hops` has the same flat.

SELECT
  flow_id AS id,
  named_struct(
    'Version', software_version,
    'Time', CAST(NULL AS TIMESTAMP),
    'ArchiveURL', CAST(NULL AS STRING),
    'Filename', CAST(NULL AS STRING),
    'Priority', CAST(NULL AS BIGINT),
    'GitCommit', CAST(NULL AS STRING),
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
      'start_time', CAST(unix_seconds(start_time) AS DOUBLE)
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
        'Sec', unix_seconds(start_time),
        'Usec', unix_micros(start_time) % 1000000
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
      'linkc', CAST(link_count AS DOUBLE)
    ),
    'CycleStop', named_struct(
      'type', 'cycle-stop',
      'list_name', 'default',
      'id', 0.0,
      'hostname', machine,
      'stop_time', CAST(unix_seconds(end_time) AS DOUBLE)
    )
  ) AS raw
FROM default.traces AS traces
WHERE start_time IS NOT NULL;

CREATE OR REPLACE VIEW ndt.scamper1 WITH SCHEMA EVOLUTION AS
-- Every traceroute with the annotations of both ends.

SELECT
  traceroute.id,
  traceroute.date,
  traceroute.parser,
  annotation.server,
  annotation.client,
  traceroute.raw
FROM ndt_raw.scamper1 AS traceroute
LEFT JOIN ndt_raw.annotation2 AS annotation
  ON traceroute.id = annotation.id AND traceroute.date = annotation.date;

CREATE OR REPLACE VIEW ndt.hops WITH SCHEMA EVOLUTION AS
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
    explode(probes) AS probe
  FROM default.traces AS traces
  WHERE probe_count > 0
);

CREATE OR REPLACE VIEW ndt_raw.hopannotation2 WITH SCHEMA EVOLUTION AS
-- Country and network of every router that answered a station on a day.

SELECT
  concat(date_format(date, 'yyyyMMdd'), '_', machine, '_', addr) AS id,
  named_struct(
    'Version', CAST(NULL AS STRING),
    'Time', CAST(NULL AS TIMESTAMP),
    'ArchiveURL', CAST(NULL AS STRING),
    'Filename', CAST(NULL AS STRING),
    'Priority', CAST(NULL AS BIGINT),
    'GitCommit', CAST(NULL AS STRING),
    'ArchiveSize', CAST(NULL AS BIGINT),
    'FileSize', CAST(NULL AS BIGINT)
  ) AS parser,
  date,
  named_struct(
    'ID', concat(date_format(date, 'yyyyMMdd'), '_', machine, '_', addr),
    'Timestamp', min(sent_time),
    'Annotations', named_struct(
      'Geo', named_struct(
        'CountryCode', max(country_code),
        'Missing', max(country_code) IS NULL
      ),
      'Network', named_struct(
        'ASNumber', max(asn),
        'ASName', max(as_name),
        'Missing', max(asn) IS NULL
      )
    )
  ) AS raw
FROM ndt.hops
WHERE addr IS NOT NULL
GROUP BY date, machine, addr;

CREATE OR REPLACE VIEW ndt.snapshots_flat WITH SCHEMA EVOLUTION AS
-- Every TCP_INFO snapshot of every connection in M-Lab's names: what
-- `UNNEST(raw.Snapshots)` of `ndt.tcpinfo` gives there, but that nothing is thinned.
--
-- Units are the kernel's: RTT, RTTVar, MinRTT, RTO, BusyTime and so on in
-- microseconds, Last... in milliseconds, SndCwnd in segments, rates in bytes per
-- second.  What this kernel does not report is NULL.

SELECT
  flow_id AS id,
  date,
  n,
  reply_time AS Timestamp,
  -- Since the connection was first seen, by the monotonic clock, in microseconds.
  elapsed_us AS ElapsedTime,
  -- Polls since the snapshot before that were due and not made.
  polls_missed_before AS PollsMissed,
  congestion_algorithm AS CongestionAlgorithm,
  state AS State,
  ca_state AS CAState,
  retransmits AS Retransmits,
  probes AS Probes,
  backoff AS Backoff,
  options AS Options,
  snd_wscale + 16 * rcv_wscale AS WScale,
  delivery_rate_app_limited + 2 * fastopen_client_fail AS AppLimited,
  rto_us AS RTO,
  ato_us AS ATO,
  snd_mss_bytes AS SndMSS,
  rcv_mss_bytes AS RcvMSS,
  unacked_segments AS Unacked,
  sacked_segments AS Sacked,
  lost_segments AS Lost,
  retrans_segments AS Retrans,
  fackets_segments AS Fackets,
  last_data_sent_ms AS LastDataSent,
  last_ack_sent_ms AS LastAckSent,
  last_data_recv_ms AS LastDataRecv,
  last_ack_recv_ms AS LastAckRecv,
  pmtu_bytes AS PMTU,
  rcv_ssthresh_bytes AS RcvSsThresh,
  rtt_us AS RTT,
  rttvar_us AS RTTVar,
  snd_ssthresh_segments AS SndSsThresh,
  snd_cwnd_segments AS SndCwnd,
  advmss_bytes AS AdvMSS,
  reordering_segments AS Reordering,
  rcv_rtt_us AS RcvRTT,
  rcv_space_bytes AS RcvSpace,
  total_retrans_segments AS TotalRetrans,
  pacing_rate_bytes_per_s AS PacingRate,
  max_pacing_rate_bytes_per_s AS MaxPacingRate,
  bytes_acked AS BytesAcked,
  bytes_received AS BytesReceived,
  segs_out AS SegsOut,
  segs_in AS SegsIn,
  notsent_bytes AS NotsentBytes,
  min_rtt_us AS MinRTT,
  data_segs_in AS DataSegsIn,
  data_segs_out AS DataSegsOut,
  delivery_rate_bytes_per_s AS DeliveryRate,
  busy_time_us AS BusyTime,
  rwnd_limited_us AS RWndLimited,
  sndbuf_limited_us AS SndBufLimited,
  delivered_segments AS Delivered,
  delivered_ce_segments AS DeliveredCE,
  bytes_sent AS BytesSent,
  bytes_retrans AS BytesRetrans,
  dsack_dups AS DSackDups,
  reord_seen AS ReordSeen,
  rcv_ooopack_segments AS RcvOooPack,
  snd_wnd_bytes AS SndWnd,
  rcv_wnd_bytes AS RcvWnd,
  rehash AS Rehash,
  total_rto AS TotalRTO,
  total_rto_recoveries AS TotalRTORecoveries,
  total_rto_time_ms AS TotalRTOTime,
  bbr['bandwidth_bytes_per_s'] AS BBRBandwidth,
  bbr['min_rtt_us'] AS BBRMinRTT,
  skmeminfo['sndbuf_bytes'] AS Sndbuf,
  skmeminfo['rcvbuf_bytes'] AS Rcvbuf,
  skmeminfo['wmem_queued_bytes'] AS WmemQueued,
  site AS Site,
  machine AS Machine
FROM default.snapshots AS snapshots;
