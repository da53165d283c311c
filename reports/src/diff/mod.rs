//! Where two traces part: the first record that differs with what came before, and every metric that differs.

mod moved;

pub use moved::{Moved, first_moved};

use std::collections::VecDeque;
use std::io::Write;

use sim_core::trace::{Record, TraceHeader, TraceSink};

use crate::explain::{History, Step};
use crate::metrics::{METRICS, Metrics, RunMetrics, spec::Selector};
use crate::report::human_value;
use crate::timeline::words::seconds;
use crate::trace_io::{JsonlLine, Names, TraceError};

/// So many records before the first differing one are shown.
const CONTEXT: usize = 3;

/// The first difference of two traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Place of the differing record in the trace, from 1.
    pub place: u64,
    /// The records before it, as JSON lines, the oldest first.
    pub before: Vec<String>,
    /// The record of each trace as a JSON line; `None` where one has ended.
    pub records: [Option<String>; 2],
    /// Why each of them is there: what decided it, or else triggered it, back to a root, as far as that is no request.
    pub chains: [Vec<Step>; 2],
}

/// A metric that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricDifference {
    /// Its name.
    pub metric: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its value in each trace.
    pub values: [Option<f64>; 2],
}

/// How two traces differ.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceDiff {
    /// Fields of the header that differ, with both values.
    pub header: Vec<(&'static str, [String; 2])>,
    /// The first differing record.
    pub divergence: Option<Divergence>,
    /// Metrics that differ.
    pub metrics: Vec<MetricDifference>,
    /// How many records each has.
    pub records: [u64; 2],
}

impl TraceDiff {
    /// True if nothing differs.
    pub fn is_same(&self) -> bool {
        self.header.is_empty() && self.divergence.is_none() && self.metrics.is_empty()
    }

    /// Writes the differences for people; nothing at all for equal traces.
    pub fn render(&self, output: &mut dyn Write) -> std::io::Result<()> {
        for (field, [mine, theirs]) in &self.header {
            writeln!(output, "header {field}: {mine} | {theirs}")?;
        }
        if let Some(divergence) = &self.divergence {
            let [mine, theirs] = &self.records;
            writeln!(output, "first difference at record {} (of {mine} and {theirs}):", divergence.place)?;
            for line in &divergence.before {
                writeln!(output, "  {line}")?;
            }
            for (sign, record) in ["-", "+"].iter().zip(&divergence.records) {
                writeln!(output, "{sign} {}", record.as_deref().unwrap_or("(the trace has ended)"))?;
            }
            for (sign, chain) in ["-", "+"].iter().zip(&divergence.chains) {
                for step in chain {
                    writeln!(output, "{sign}   because {} (+{})", step.words, seconds(step.time))?;
                }
            }
        }
        for difference in &self.metrics {
            let [mine, theirs] = difference.values.map(|value| match value {
                Some(value) => human_value(value, difference.unit),
                None => "-".to_owned(),
            });
            writeln!(output, "{}: {mine} | {theirs}", difference.metric)?;
        }
        Ok(())
    }
}

/// One side of a comparison.
struct Side<I> {
    records: I,
    metrics: Metrics,
    lines: JsonlLine,
    names: Names,
    history: History,
    count: u64,
}

impl<I: Iterator<Item = Result<Record, TraceError>>> Side<I> {
    fn new(header: &TraceHeader, records: I) -> Self {
        let (metrics, lines) = (Metrics::new(header), JsonlLine::new(header));
        Self { records, metrics, lines, names: Names::new(header), history: History::default(), count: 0 }
    }

    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        let record = self.records.next().transpose()?;
        if let Some(record) = &record {
            self.metrics.record(record);
            self.lines.learn(record);
            self.names.learn(record);
            self.history.learn(record);
            self.count += 1;
        }
        Ok(record)
    }

    fn line(&mut self, record: Option<&Record>) -> Option<String> {
        record.map(|record| self.lines.line(record))
    }

    /// What a record was decided or triggered by, in words.
    fn chain(&self, record: Option<&Record>) -> Vec<Step> {
        let Some(record) = record else { return Vec::new() };
        let known = [record.because, record.cause].into_iter().find(|id| self.history.get(*id).is_some());
        known.map_or_else(Vec::new, |id| self.history.tell(id, &self.names))
    }
}

/// Compares two traces record by record; memory does not grow with their length.
pub fn compare(
    headers: [&TraceHeader; 2],
    first: impl Iterator<Item = Result<Record, TraceError>>,
    second: impl Iterator<Item = Result<Record, TraceError>>,
) -> Result<TraceDiff, TraceError> {
    let (mut mine, mut theirs) = (Side::new(headers[0], first), Side::new(headers[1], second));
    let mut before: VecDeque<Record> = VecDeque::new();
    let mut divergence = None;
    loop {
        let (left, right) = (mine.next()?, theirs.next()?);
        if left.is_none() && right.is_none() {
            break;
        }
        if divergence.is_none() && left != right {
            divergence = Some(Divergence {
                place: mine.count.max(theirs.count),
                before: before.iter().map(|record| mine.lines.line(record)).collect(),
                records: [mine.line(left.as_ref()), theirs.line(right.as_ref())],
                chains: [mine.chain(left.as_ref()), theirs.chain(right.as_ref())],
            });
        }
        if let Some(record) = left {
            before.push_back(record);
            if before.len() > CONTEXT {
                before.pop_front();
            }
        }
    }
    Ok(TraceDiff {
        header: compare_headers(headers[0], headers[1]),
        divergence,
        metrics: compare_metrics(&mine.metrics.finish(), &theirs.metrics.finish()),
        records: [mine.count, theirs.count],
    })
}

fn compare_headers(first: &TraceHeader, second: &TraceHeader) -> Vec<(&'static str, [String; 2])> {
    let fields = |header: &TraceHeader| {
        let digest = blake3::hash(header.effective_scenario.as_bytes()).to_hex();
        [
            ("version", header.version.clone()),
            ("scenario", header.scenario.clone()),
            ("effective scenario", digest.as_str()[..12].to_owned()),
            ("arm", header.arm.clone()),
            ("model", header.model.clone()),
            ("discovery", header.discovery.clone()),
            ("seed", header.seed.to_string()),
            ("duration", header.duration.to_string()),
            ("warm-up", header.warm_up.to_string()),
            ("drain", header.drain.to_string()),
            ("nodes", header.nodes.len().to_string()),
            ("workloads", header.workloads.len().to_string()),
            ("services", header.services.len().to_string()),
            ("sources", header.sources.len().to_string()),
            ("faults", header.faults.join(", ")),
        ]
    };
    let pairs = fields(first).into_iter().zip(fields(second));
    let differing = pairs.filter(|(mine, theirs)| mine != theirs);
    let mut list: Vec<_> = differing.map(|(mine, theirs)| (mine.0, [mine.1, theirs.1])).collect();
    if list.is_empty() && first != second {
        list.push(("names", ["differ".to_owned(), "differ".to_owned()]));
    }
    list
}

fn compare_metrics(first: &RunMetrics, second: &RunMetrics) -> Vec<MetricDifference> {
    let all = Selector::default();
    let values = METRICS.iter().map(|metric| (metric, [metric.value(first, all), metric.value(second, all)]));
    let differing = values.filter(|(_, values)| values[0] != values[1]);
    differing.map(|(metric, values)| MetricDifference { metric: metric.name, unit: metric.unit, values }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, MS, S, header, sample_records};
    use sim_core::model::ids::{FaultId, NodeId};
    use sim_core::trace::Body;
    use sim_core::trace::words::Outcome;

    fn diff(first: &[Record], second: &[Record]) -> TraceDiff {
        let results = |records: &[Record]| records.iter().copied().map(Ok).collect::<Vec<_>>().into_iter();
        compare([&header(), &header()], results(first), results(second)).unwrap()
    }

    #[test]
    fn equal_traces_are_the_same() {
        let same = diff(&sample_records(), &sample_records());
        assert!(same.is_same());
        let mut out = Vec::new();
        same.render(&mut out).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn the_first_difference_is_shown_with_what_came_before() {
        let mut other = Builder::cluster();
        other.request(0, 10 * MS, Some(0), Some((14 * MS, Outcome::Ok, 0)));
        other.request(1, S + 5, Some(1), Some((S + 9 * MS, Outcome::Ok, 0)));
        let difference = diff(&sample_records(), &other.records);
        let mut out = Vec::new();
        difference.render(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
first difference at record 27 (of 32 and 32):
  {"id":24,"t":0,"cause":23,"because":null,"kind":"proxy-synced","node":"node-3","version":2}
  {"id":25,"t":10000000,"cause":null,"because":null,"kind":"request-arrived","source":"curl","number":0,"client":"pod/curl-5b56ccd65f-abcdg","request_bytes":200,"response_bytes":4096,"demand":2000000}
  {"id":26,"t":10000000,"cause":25,"because":null,"kind":"connection-opened","source":"curl","number":0,"client_port":32768,"address":"10.96.3.4","port":80,"pod":"my-nginx-5b56ccd65f-abcde","via":null,"translations":1}
- {"id":27,"t":13000000,"cause":26,"because":null,"kind":"connection-closed","source":"curl","number":0,"outcome":"ok"}
+ {"id":27,"t":14000000,"cause":26,"because":null,"kind":"connection-closed","source":"curl","number":0,"outcome":"ok"}
latency_p50: 3.00 ms | 4.00 ms
latency_mean: 6.00 ms | 6.50 ms
"#);
    }

    #[test]
    fn the_first_difference_comes_with_its_causes() {
        let run = |silence: u64| {
            let mut run = Builder::cluster();
            let fault = run.at(60 * S).add(0, 0, Body::FaultStarted { fault: FaultId(0) });
            let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
            run.at(60 * S + silence).add(down, 0, Body::NodeNotReady { node: NodeId(2) });
            run
        };
        let chains = diff(&run(45 * S).records, &run(20 * S).records).divergence.unwrap().chains;
        let words = chains.map(|chain| chain.into_iter().map(|step| step.words).collect::<Vec<_>>());
        assert_eq!(words, [["node-2 stops", "lost-node begins"], ["node-2 stops", "lost-node begins"]]);
    }

    #[test]
    fn a_shorter_trace_and_another_seed_differ() {
        let records = sample_records();
        let difference = diff(&records, &records[..records.len() - 1]);
        assert_eq!(difference.divergence.unwrap().records[1], None);
        let mut other = header();
        other.seed = 7;
        let list = compare_headers(&header(), &other);
        assert_eq!(list, [("seed", ["42".to_owned(), "7".to_owned()])]);
    }
}
