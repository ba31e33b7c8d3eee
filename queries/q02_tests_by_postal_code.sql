-- Q2: how many downloads of a city there are by postal code.
--
-- Source: m-lab/m-lab.github.io 586390e, _pages/tests/ndt/unified-views-examples.md.
-- Changed: the tables without their project, strings in single quotes, the dates.

SELECT
  COUNT(*) AS test_count,
  client.Geo.postalCode AS zip_code
FROM
  ndt.unified_downloads
WHERE
  date BETWEEN '2026-11-01' AND '2026-11-30'
  AND client.Geo.city = 'Baltimore'
  AND client.Geo.countryCode = 'US'
GROUP BY zip_code
ORDER BY zip_code
