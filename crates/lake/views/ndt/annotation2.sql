-- The annotations of every connection, as a dataset of its own.

SELECT * FROM ndt_raw.annotation2
