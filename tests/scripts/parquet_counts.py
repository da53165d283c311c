"""Counts and percentiles of the measured requests in a Parquet table, with Apache Arrow."""

import json
import sys

import pyarrow.parquet as parquet

rows = [row for row in parquet.read_table(sys.argv[1]).to_pylist() if row["measured"] and row["root"]]
records = parquet.read_table(sys.argv[2])
assert records.num_rows > len(rows) and records.schema.names[0] == "id", records.schema
latencies = sorted(row["latency_ns"] for row in rows if row["outcome"] == "ok")


def percentile(part):
    """The smallest value that at least this part of all values do not exceed."""
    return latencies[max(0, -(-len(latencies) * part // 1000) - 1)]


print(json.dumps({
    "total": len(rows),
    "ok": len(latencies),
    "p50": percentile(500),
    "p90": percentile(900),
    "p99": percentile(990),
    "max": latencies[-1],
}))
