-- The uploads that tell of the network: what research starts with.
--
-- Which they are, and which they were thought to be earlier, is M-Lab's reading:
-- m-lab/etl-schema, views/ndt/unified_uploads.sql.  For another selection take
-- `ndt_intermediate.extended_ndt7_uploads`.

SELECT id, date, a, metadata, client, server, IsValidBest, IsValid2021, Verdict
FROM (
  SELECT
    id,
    date,
    a,
    metadata,
    client,
    server,
    filter['IsComplete']
      AND filter['IsProduction']
      AND NOT filter['IsError']
      AND NOT filter['IsOAM']
      AND NOT filter['IsPlatformAnomaly']
      AND NOT filter['IsSmall']
      AND NOT filter['IsShort']
      AND NOT filter['IsLong']
      AND NOT filter['_IsRFC1918'] AS IsValidBest,
    filter['IsComplete']
      AND filter['IsProduction']
      AND NOT filter['IsError']
      AND NOT filter['IsOAM']
      AND NOT filter['IsPlatformAnomaly']
      AND NOT filter['IsSmall']
      AND NOT filter['IsShort']
      AND NOT filter['IsLong']
      AND NOT filter['_IsRFC1918'] AS IsValid2021,
    Verdict
  FROM ndt_intermediate.extended_ndt7_uploads
)
WHERE IsValidBest
