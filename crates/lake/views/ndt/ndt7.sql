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
    'GitShortCommit', CAST(NULL AS VARCHAR),
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
    'GitShortCommit', CAST(NULL AS VARCHAR),
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
WHERE direction = 'upload'
