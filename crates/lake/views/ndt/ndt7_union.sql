-- Every ndt7 test of all fleets.  M-Lab joins its own and the dynamic fleet here,
-- and leaves out how the row came to be; there is one kind of station here.

SELECT id, date, server, client, a, raw
FROM ndt.ndt7
