-- Every connection with all of its TCP_INFO snapshots.
--
-- Only a query that names `raw` reads snapshots; `ndt.snapshots_flat` has them as
-- rows, which is cheaper where one field of each is wanted.
-- M-Lab's has a row for each ten minutes of a connection and keeps every tenth
-- snapshot; here a connection is one row with all of them, also one that has none.

SELECT
  flow_id AS id,
  named_struct(
    'SockID', named_struct(
      'SPort', local_port,
      'DPort', remote_port,
      'SrcIP', local_ip,
      'DstIP', remote_ip,
      'Cookie', cookie
    ),
    -- What the kernel said when the socket went, or else at the last poll.  What
    -- only snapshots have (memory, state of the congestion control) is in the last
    -- of `raw.Snapshots`.
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
      'Sequence', 0,
      'StartTime', opened_time
    ),
    'Snapshots', snapshots
  ) AS raw,
  named_struct(
    'Site', site,
    'Machine', machine,
    'Geo', named_struct(
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
    ),
    'Network', named_struct(
      'CIDR', server_network_cidr,
      'ASNumber', server_asn,
      'ASName', server_as_name,
      'Missing', server_asn IS NULL,
      'Systems', CASE WHEN server_asn IS NOT NULL
        THEN make_array(named_struct('ASNs', make_array(server_asn))) END
    )
  ) AS server,
  named_struct(
    'Geo', named_struct(
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
    ),
    'Network', named_struct(
      'CIDR', client_network_cidr,
      'ASNumber', client_asn,
      'ASName', client_as_name,
      'Missing', client_asn IS NULL,
      'Systems', CASE WHEN client_asn IS NOT NULL
        THEN make_array(named_struct('ASNs', make_array(client_asn))) END
    )
  ) AS client,
  -- As the station counted them.  `ARRAY_LENGTH(raw.Snapshots)` is less where some
  -- were lost on the way, as `stations` says then.
  polls_done - polls_unchanged AS SnapshotCount
FROM ndt_intermediate.connections
