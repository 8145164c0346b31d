"""Reads the monitor's reports by OpenTelemetry's own protobuf definitions, which know every field, type and number of bins.

pip install -r tests/otlp/requirements.txt && python3 tests/otlp/validate.py
"""
import pathlib
import subprocess
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

MOST = 64 * 1024
here = pathlib.Path(__file__).parent
lines = subprocess.run(["node", here / "reports.mjs"], check=True, capture_output=True, text=True).stdout.splitlines()
seen, problems = {}, []


def check(good, what):
    if not good:
        problems.append(what)


for line in lines:
    check(len(line.encode()) <= MOST, f"a report has {len(line.encode())} bytes, more than {MOST}")
    request = json_format.Parse(line, ExportMetricsServiceRequest())  # fails on a field that is not in the definitions
    check(ExportMetricsServiceRequest.FromString(request.SerializeToString()) == request, "the binary form gives something else")
    for metric in (m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics):
        kind = metric.WhichOneof("data")
        check(kind is not None, f"{metric.name} has no data")
        data = getattr(metric, kind)
        seen[kind] = seen.get(kind, 0) + len(data.data_points)
        if kind != "gauge":
            check(data.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA, f"{metric.name} is not a delta")
        for point in data.data_points:
            check(0 < point.start_time_unix_nano <= point.time_unix_nano, f"{metric.name} ends before it begins")
            if kind == "histogram":
                check(len(point.bucket_counts) == len(point.explicit_bounds) + 1, f"{metric.name}: {len(point.bucket_counts)} bins for {len(point.explicit_bounds)} bounds")
                check(list(point.explicit_bounds) == sorted(set(point.explicit_bounds)), f"{metric.name}: the bounds do not ascend")
                check(sum(point.bucket_counts) == point.count, f"{metric.name}: the bins hold {sum(point.bucket_counts)} of {point.count}")
                check(not point.HasField("sum") and not point.HasField("min") and not point.HasField("max"), f"{metric.name} tells numbers of a tensor")
            if kind == "exponential_histogram":
                check(sum(point.positive.bucket_counts) + point.zero_count == point.count, f"{metric.name}: the bins do not hold {point.count}")
                check(point.scale == 3, f"{metric.name} has the scale {point.scale}")

for kind in ("exponential_histogram", "histogram", "sum", "gauge"):
    check(seen.get(kind), f"no {kind} was seen")
for problem in problems:
    print(problem)
print(f"{len(lines)} reports, " + ", ".join(f"{n} points of {kind}" for kind, n in seen.items()) + (f": {len(problems)} problems" if problems else ": good"))
sys.exit(bool(problems))
