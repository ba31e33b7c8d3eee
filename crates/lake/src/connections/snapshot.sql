-- A row of `snapshots` as M-Lab's tcp-info has it, one of `raw.Snapshots`.
--
-- An expression, no query: `connections.rs` makes the lists.  Units are the
-- kernel's; what it did not report is NULL.  Addresses and ports are the same in
-- every snapshot, and in `a.SockID` of the connection.
-- Source: m-lab/tcp-info d72b41f, snapshot/snapshot.go, inetdiag, tcp.

named_struct(
  'Timestamp', reply_time,
  -- Bit t - 1 for attribute type t.
  'Observed', attribute_bitmap / 2,
  -- Of tcp_info there is more than is known here: attribute type 2.
  'NotFullyParsed', CASE WHEN tcp_info_tail IS NULL THEN 0 ELSE 2 END,
  'InetDiagMsg', named_struct(
    'IDiagFamily', idiag_family,
    'IDiagState', idiag_state,
    'IDiagTimer', idiag_timer,
    'IDiagRetrans', idiag_retrans,
    'ID', named_struct('Interface', idiag_interface),
    'IDiagExpires', idiag_expires_ms,
    'IDiagRqueue', idiag_rqueue_bytes,
    'IDiagWqueue', idiag_wqueue_bytes,
    'IDiagUID', idiag_uid,
    'IDiagInode', idiag_inode
  ),
  'CongestionAlgorithm', congestion_algorithm,
  'TOS', tos,
  'TClass', tclass,
  'ClassID', class_id,
  'Shutdown', shutdown,
  'Protocol', protocol,
  'Mark', mark,
  -- NULL where the socket had none: a mini-socket in FIN_WAIT2.
  'TCPInfo', CASE WHEN tcp_info_len_bytes IS NOT NULL THEN named_struct(
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
  ) END,
  'MemInfo', CASE WHEN meminfo IS NOT NULL THEN named_struct(
    'Rmem', meminfo['rmem_bytes'],
    'Wmem', meminfo['wmem_bytes'],
    'Fmem', meminfo['fmem_bytes'],
    'Tmem', meminfo['tmem_bytes']
  ) END,
  'SocketMem', CASE WHEN skmeminfo IS NOT NULL THEN named_struct(
    'RmemAlloc', skmeminfo['rmem_alloc_bytes'],
    'Rcvbuf', skmeminfo['rcvbuf_bytes'],
    'WmemAlloc', skmeminfo['wmem_alloc_bytes'],
    'Sndbuf', skmeminfo['sndbuf_bytes'],
    'FwdAlloc', skmeminfo['fwd_alloc_bytes'],
    'WmemQueued', skmeminfo['wmem_queued_bytes'],
    'Optmem', skmeminfo['optmem_bytes'],
    'Backlog', skmeminfo['backlog_bytes'],
    'Drops', skmeminfo['drops']
  ) END,
  'VegasInfo', CASE WHEN vegas IS NOT NULL THEN named_struct(
    'Enabled', vegas['enabled'],
    'RTTCount', vegas['rtt_count'],
    'RTT', vegas['rtt_us'],
    'MinRTT', vegas['min_rtt_us']
  ) END,
  'DCTCPInfo', CASE WHEN dctcp IS NOT NULL THEN named_struct(
    'Enabled', dctcp['enabled'],
    'CEState', dctcp['ce_state'],
    'Alpha', dctcp['alpha'],
    'ABEcn', dctcp['ab_ecn_bytes'],
    'ABTot', dctcp['ab_tot_bytes']
  ) END,
  'BBRInfo', CASE WHEN bbr IS NOT NULL THEN named_struct(
    'BW', bbr['bandwidth_bytes_per_s'],
    'MinRTT', bbr['min_rtt_us'],
    'PacingGain', bbr['pacing_gain'],
    'CwndGain', bbr['cwnd_gain']
  ) END
)
