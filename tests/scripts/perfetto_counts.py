"""Counts the slices of a Perfetto trace by category, with Perfetto's own schema."""

import json
import sys
from collections import Counter

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

trace = schema.Trace()
with open(sys.argv[1], "rb") as file:
    trace.ParseFromString(file.read())
counts, tracks, depth, loose = Counter(), set(), Counter(), 0
for packet in trace.packet:
    if packet.HasField("track_descriptor"):
        tracks.add(packet.track_descriptor.uuid)
        continue
    event = packet.track_event
    loose += event.track_uuid not in tracks
    if event.type == schema.TrackEvent.TYPE_SLICE_BEGIN:
        counts[event.categories[0]] += 1
        depth[event.track_uuid] += 1
        loose += depth[event.track_uuid] > 1
    elif event.type == schema.TrackEvent.TYPE_SLICE_END:
        depth[event.track_uuid] -= 1
        loose += depth[event.track_uuid] < 0
print(json.dumps({**counts, "loose": loose}))
