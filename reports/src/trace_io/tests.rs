//! Every record survives both file forms, and damaged files are errors.

use proptest::prelude::*;
use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::body::KINDS;
use sim_core::trace::fields::{Client, FieldType, Value};
use sim_core::trace::{Body, Level, Record, TraceHeader, TraceSink};

use super::{BinaryWriter, DigestSink, JsonlWriter, RecordCounter, Tee, TraceError, TraceReader, WRITTEN_AT_ONCE};
use crate::metrics::Metrics;
use crate::report::{RENDERERS, Report, ReportInput, RunReport};
use crate::state::{ClusterState, Query, Resource};
use crate::testing::{every_kind, header, sample_records, value};
use crate::timeline::Timeline;

fn jsonl(header: &TraceHeader, records: &[Record], level: Level) -> Vec<u8> {
    let mut writer = JsonlWriter::new(Vec::new(), header, level).unwrap();
    for record in records {
        writer.record(record);
    }
    writer.finish().unwrap()
}

fn binary(header: &TraceHeader, records: &[Record], level: Level) -> Vec<u8> {
    let mut writer = BinaryWriter::new(Vec::new(), header, level);
    for record in records {
        writer.record(record);
    }
    writer.finish().unwrap()
}

#[test]
fn a_writer_hashes_what_it_writes_as_a_digest_does() {
    let kinds: Vec<Record> = every_kind().into_iter().flatten().collect();
    let kinds: Vec<&Record> = kinds.iter().filter(|record| record.body.level() <= Level::Connection).collect();
    // Several blocks in some seconds, none in others.
    let times = (0..4 * WRITTEN_AT_ONCE as u64 / 33).map(|index| SimTime::from_nanos(1_999_900_000 + index * index));
    let records = times.zip(kinds.iter().cycle()).map(|(time, record)| Record { time, ..**record });
    let mut digest = DigestSink::new(&header());
    let mut hashing = BinaryWriter::new(Vec::new(), &header(), Level::Connection);
    let mut plain = BinaryWriter::new(Vec::new(), &header(), Level::Connection);
    assert!(hashing.hash_too(&header()));
    let mut all = Tee::new().with(&mut digest).with(&mut hashing).with(&mut plain);
    records.for_each(|record| all.record(&record));
    let digest = digest.finish();
    assert!(digest.ladder.len() > 3 && digest.ladder[0].second == 1, "{:?}", digest.ladder);
    assert_eq!((hashing.digest(), plain.digest()), (Some(digest), None));
    assert!(hashing.finish().unwrap() == plain.finish().unwrap());
    for other in [Level::Request, Level::Segment] {
        let mut writer = BinaryWriter::new(Vec::new(), &header(), other);
        assert!(!writer.hash_too(&header()) && writer.digest().is_none());
    }
}

fn read(bytes: &[u8]) -> Result<(TraceHeader, Level, Vec<Record>), TraceError> {
    let mut reader = TraceReader::open(bytes)?;
    let (header, level) = (reader.header().clone(), reader.level());
    let records = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
    assert!(reader.next().is_none());
    Ok((header, level, records))
}

/// A value of a field's type from random bits.
#[allow(clippy::wildcard_enum_match_arm)] // the others take one of two values
fn random_value(field_type: FieldType, bits: u64) -> Value {
    let number = u32::try_from(bits % 10_000).unwrap();
    match field_type {
        FieldType::U64 => Value::Number(bits),
        FieldType::U32 => Value::Number(bits >> 32),
        FieldType::U16 => Value::Number(bits >> 48),
        FieldType::U8 => Value::Number(bits >> 56),
        FieldType::Pod => Value::Pod(PodId(number % 50)),
        FieldType::Node => Value::Node(NodeId(number)),
        FieldType::Client if bits.is_multiple_of(3) => Value::Client(Client::None),
        other => value(other, u8::from(bits.is_multiple_of(2))),
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (0..KINDS.len(), numbers, proptest::collection::vec(any::<u64>(), 16)).prop_map(|(kind, numbers, bits)| {
        let (id, time, cause, because) = numbers;
        let mut bits = bits.into_iter();
        let body =
            Body::from_values(KINDS[kind].name, &mut |_, field_type| Some(random_value(field_type, bits.next()?)));
        Record { id, time: SimTime::from_nanos(time), cause, because, body: body.unwrap() }
    })
}

proptest! {
    #[test]
    fn any_sequence_survives_both_forms(records in proptest::collection::vec(any_record(), 0..60)) {
        for bytes in [jsonl(&header(), &records, Level::Segment), binary(&header(), &records, Level::Segment)] {
            let (head, level, back) = read(&bytes).unwrap();
            prop_assert_eq!(head, header());
            prop_assert_eq!(level, Level::Segment);
            prop_assert_eq!(&back, &records);
        }
    }

    #[test]
    fn no_sequence_of_records_is_too_much(records in proptest::collection::vec(any_record(), 0..200)) {
        let mut metrics = Metrics::new(&header());
        let mut timeline = Timeline::new(&header());
        let mut state = ClusterState::new(&header(), SimTime::MAX);
        let mut digest = DigestSink::new(&header());
        let mut tee = Tee::new().with(&mut metrics).with(&mut timeline).with(&mut state).with(&mut digest);
        for record in &records {
            tee.record(record);
        }
        digest.finish();
        prop_assert!(!timeline.lines().is_empty());
        for resource in [Resource::Pods, Resource::Services, Resource::Endpoints, Resource::Nodes, Resource::Deployments] {
            state.table(resource, &Query { wide: true, ..Query::default() });
        }
        let runs = vec![RunReport::new(&header(), metrics.finish())];
        let report = Report::new(ReportInput { runs, ..ReportInput::default() });
        for format in RENDERERS {
            (format.render)(&report, &mut Vec::new()).unwrap();
        }
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics(cut in 0_usize..3_000, at in 0_usize..3_000, byte in any::<u8>()) {
        for mut bytes in [
            jsonl(&header(), &sample_records(), Level::Connection),
            binary(&header(), &sample_records(), Level::Connection),
        ] {
            let cut = cut % bytes.len();
            // A text that ends with a whole line is whole, whether or not the line's end is there.
            let whole_line = bytes[..cut].ends_with(b"\n") || bytes[cut] == b'\n';
            prop_assert!(read(&bytes[..cut]).is_err() || whole_line);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = read(&bytes);
        }
    }
}

#[test]
fn every_kind_survives_both_forms() {
    let records: Vec<Record> = every_kind().into_iter().flatten().collect();
    let mut head = header();
    head.workloads[1].namespace = "team-a".into();
    head.workloads[0].name = "curl \"quoted\" \\ \u{1}".into();
    head.nodes[2].name = head.nodes[1].name.clone();
    head.seed = u64::MAX;
    for bytes in [jsonl(&head, &records, Level::Segment), binary(&head, &records, Level::Segment)] {
        assert_eq!(read(&bytes).unwrap(), (head.clone(), Level::Segment, records.clone()));
    }
}

#[test]
fn a_lower_level_leaves_records_out_and_keeps_their_numbers() {
    let records = sample_records();
    let kept: Vec<Record> = records.iter().copied().filter(|record| record.body.level() == Level::Request).collect();
    assert!(kept.len() < records.len());
    for bytes in [jsonl(&header(), &records, Level::Request), binary(&header(), &records, Level::Request)] {
        assert_eq!(read(&bytes).unwrap(), (header(), Level::Request, kept.clone()));
    }
}

#[test]
fn lines_read_as_documented() {
    let text = String::from_utf8(jsonl(&header(), &sample_records(), Level::Connection)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    insta::assert_snapshot!([lines[7], lines[8], lines[22], lines[25], lines[26], lines[28]].join("\n"), @r#"
{"id":7,"t":0,"cause":1,"because":null,"kind":"pod-created","pod":0,"name":"my-nginx-5b56ccd65f-abcde","workload":"deployment/my-nginx","ordinal":0,"suffix":"abcde"}
{"id":8,"t":0,"cause":7,"because":null,"kind":"pod-scheduled","pod":"my-nginx-5b56ccd65f-abcde","node":"node-1"}
{"id":22,"t":0,"cause":11,"because":null,"kind":"endpoint-added","service_port":"my-nginx:80","pod":"my-nginx-5b56ccd65f-abcde","address":"10.244.1.2","port":80,"version":1}
{"id":25,"t":10000000,"cause":null,"because":null,"kind":"request-arrived","source":"curl","number":0,"client":"pod/curl-5b56ccd65f-abcdg","request_bytes":200,"response_bytes":4096,"demand":2000000}
{"id":26,"t":10000000,"cause":25,"because":null,"kind":"connection-opened","source":"curl","number":0,"client_port":32768,"address":"10.96.3.4","port":80,"pod":"my-nginx-5b56ccd65f-abcde","via":null,"translations":1}
{"id":28,"t":13000000,"cause":27,"because":null,"kind":"request-ended","source":"curl","number":0,"outcome":"ok","pod":"my-nginx-5b56ccd65f-abcde"}
"#);
}

#[test]
fn a_tee_feeds_every_sink_and_counts_agree() {
    let (mut kept, mut counter) = (Vec::new(), RecordCounter::new());
    let mut tee = Tee::new().with(&mut kept).with(&mut counter);
    for record in &sample_records() {
        tee.record(record);
    }
    assert_eq!(kept, sample_records());
    assert_eq!(counter.up_to(Level::Segment), kept.len() as u64);
    assert_eq!(counter.up_to(Level::Connection) - counter.up_to(Level::Request), 4);
    assert_eq!(counter.kinds().find(|(kind, _)| *kind == "pod-created"), Some(("pod-created", 3)));
}

#[test]
fn other_files_are_told_apart() {
    assert!(matches!(read(b""), Err(TraceError::NotATrace)));
    assert!(matches!(read(b"{}\n"), Err(TraceError::NotATrace)));
    assert!(matches!(read(b"apiVersion: v1\n"), Err(TraceError::NotATrace)));
    assert!(matches!(read(b"podwire\0\x09\0\0\0"), Err(TraceError::OtherFormat { found: 9 })));
    let mut whole = binary(&header(), &sample_records(), Level::Connection);
    whole.truncate(whole.len() - 9);
    assert!(matches!(read(&whole), Err(TraceError::Cut { .. })));
    let text = jsonl(&header(), &sample_records(), Level::Connection);
    let wrong = String::from_utf8(text).unwrap().replacen("\"node\":\"node-1\"", "\"node\":\"nodd-1\"", 1);
    let error = read(wrong.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 4 of the trace: `node` of a node-registered record is missing or makes no sense"
    );
}
