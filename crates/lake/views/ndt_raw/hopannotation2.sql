-- Country and network of every router that answered a station on a day.

SELECT
  concat(to_char(date, '%Y%m%d'), '_', machine, '_', addr) AS id,
  named_struct(
    'Version', CAST(NULL AS VARCHAR),
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
    'ID', concat(to_char(date, '%Y%m%d'), '_', machine, '_', addr),
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
GROUP BY date, machine, addr
