-- Every ndt7 test without its annotations.

SELECT id, a, parser, date, raw
FROM ndt.ndt7
