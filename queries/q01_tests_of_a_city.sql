-- Q1: every download of a city.
--
-- Source: m-lab/m-lab.github.io 586390e, _pages/tests/ndt/unified-views-examples.md.
-- Changed: the tables without their project, strings in single quotes, the dates.

SELECT
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
ORDER BY client.Geo.postalCode ASC, a.MeanThroughputMbps DESC
