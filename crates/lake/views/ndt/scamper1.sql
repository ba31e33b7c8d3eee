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
  ON traceroute.id = annotation.id AND traceroute.date = annotation.date
