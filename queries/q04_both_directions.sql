-- Q4: downloads and uploads of a city in one answer.
--
-- Source: m-lab/m-lab.github.io 586390e, _pages/tests/ndt/unified-views-examples.md.
-- Changed: the tables without their project, strings in single quotes, the dates.

WITH
downloads AS (
  SELECT
    'download' AS test_direction,
    date,
    a.UUID,
    a.MeanThroughputMbps,
    a.MinRTT,
    a.LossRate,
    client.Geo.city,
    client.Geo.postalCode,
    client.Geo.latitude,
    client.Geo.longitude,
    client.Network.ASNumber
  FROM
    ndt.unified_downloads
  WHERE
    date BETWEEN '2026-11-01' AND '2026-11-30'
    AND client.Geo.city = 'Baltimore'
    AND client.Geo.countryCode = 'US'
),
uploads AS (
  SELECT
    'upload' AS test_direction,
    date,
    a.UUID,
    a.MeanThroughputMbps,
    a.MinRTT,
    a.LossRate,
    client.Geo.city,
    client.Geo.postalCode,
    client.Geo.latitude,
    client.Geo.longitude,
    client.Network.ASNumber
  FROM
    ndt.unified_uploads
  WHERE
    date BETWEEN '2026-11-01' AND '2026-11-30'
    AND client.Geo.city = 'Baltimore'
    AND client.Geo.countryCode = 'US'
)
SELECT * FROM downloads
UNION ALL (SELECT * FROM uploads)
ORDER BY date, postalCode
