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
    'ArchiveURL', CAST(NULL AS VARCHAR),
    'Filename', CAST(NULL AS VARCHAR),
    'Priority', CAST(NULL AS BIGINT),
    'GitCommit', CAST(NULL AS VARCHAR),
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
    'Region', CAST(NULL AS VARCHAR),
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
      THEN make_array(named_struct('ASNs', make_array(client_asn))) END
  ) AS client_network,
  named_struct(
    'ContinentCode', server_continent_code,
    'CountryCode', server_country_code,
    'CountryCode3', server_country_code3,
    'CountryName', server_country_name,
    'Region', CAST(NULL AS VARCHAR),
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
      THEN make_array(named_struct('ASNs', make_array(server_asn))) END
  ) AS server_network,
  named_struct(
    'UUID', flow_id,
    'StartTime', start_time,
    'EndTime', end_time,
    'ServerMeasurements', array_transform(server_measurements, m -> named_struct(
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
    'ClientMeasurements', array_transform(client_measurements, m -> named_struct(
      'AppInfo', CASE WHEN m['app_info'] IS NOT NULL THEN named_struct(
        'NumBytes', m['app_info']['num_bytes'],
        'ElapsedTime', m['app_info']['elapsed_us']
      ) END
    )),
    'ClientMetadata', array_transform(client_metadata, m -> named_struct(
      'Name', m['name'],
      'Value', m['value']
    )),
    'ServerMetadata', array_transform(server_metadata, m -> named_struct(
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
  CAST(NULL AS VARCHAR) AS Verdict,
  -- The bytes that the rate was computed from: BytesAcked or BytesReceived.
  coalesce(round(throughput_bits_per_s * last_elapsed_us / 8e6) < 8192, FALSE) AS IsSmall,
  coalesce(elapsed_us / 1000 < 9000, FALSE) AS IsShort,
  coalesce(elapsed_us / 1000 > 60000, FALSE) AS IsLong,
  coalesce(array_any_match(client_metadata, m -> m['name'] = 'early_exit'), FALSE) AS IsEarlyExit,
  coalesce(last_tcp_info['total_retrans_segments'] > 0, FALSE) AS _IsCongested,
  coalesce(
    last_tcp_info['rtt_us'] > 2 * last_tcp_info['min_rtt_us'] AND last_tcp_info['rtt_us'] > 1000,
    FALSE
  ) AS _IsBloated
FROM speed_tests
WHERE protocol = 'ndt7'
