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
  date
FROM flows
