-- Every connection with all of its TCP_INFO snapshots, without its annotations.

SELECT id, a, parser, date, raw
FROM ndt.tcpinfo
