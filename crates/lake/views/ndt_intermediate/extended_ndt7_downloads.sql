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
    'Tables', make_array(parser)
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
WHERE direction = 'download'
