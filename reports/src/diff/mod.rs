//! Where two traces part: the first record that differs with what came before, and every metric that differs; of two digest
//! ladders, the second in which they part. Knows no file and no scenario.

mod ladders;
mod moved;
mod sides;

use std::io::Write;

use sim_core::trace::{Record, TraceHeader, TraceSink};

use crate::explain::Step;
use crate::metrics::{METRICS, Metrics, RunMetrics, spec::Selector};
use crate::report::human_value;
use crate::timeline::words::seconds;
use crate::trace_io::TraceError;
pub use ladders::LadderDiff;
pub use moved::{Moved, first_moved};
use sides::Sides;

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

impl Divergence {
    /// Writes what came before, both records, and their causes.
    fn render(&self, output: &mut dyn Write) -> std::io::Result<()> {
        for line in &self.before {
            writeln!(output, "  {line}")?;
        }
        for (sign, record) in ["-", "+"].iter().zip(&self.records) {
            writeln!(output, "{sign} {}", record.as_deref().unwrap_or("(the trace has ended)"))?;
        }
        for (sign, chain) in ["-", "+"].iter().zip(&self.chains) {
            for step in chain {
                writeln!(output, "{sign}   because {} (+{})", step.words, seconds(step.time))?;
            }
        }
        Ok(())
    }
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

/// Fields of the header that differ, with both values.
pub type HeaderDifferences = Vec<(&'static str, [String; 2])>;

fn render_header(differences: &HeaderDifferences, output: &mut dyn Write) -> std::io::Result<()> {
    for (field, [mine, theirs]) in differences {
        writeln!(output, "header {field}: {mine} | {theirs}")?;
    }
    Ok(())
}

/// How two traces differ.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceDiff {
    /// Fields of the header that differ, with both values.
    pub header: HeaderDifferences,
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
        render_header(&self.header, output)?;
        if let Some(divergence) = &self.divergence {
            let [mine, theirs] = &self.records;
            writeln!(output, "first difference at record {} (of {mine} and {theirs}):", divergence.place)?;
            divergence.render(output)?;
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

/// Compares two traces record by record; memory does not grow with their length. Fails as reading one of them does.
pub fn compare(
    headers: [&TraceHeader; 2],
    first: impl Iterator<Item = Result<Record, TraceError>>,
    second: impl Iterator<Item = Result<Record, TraceError>>,
) -> Result<TraceDiff, TraceError> {
    let mut sides = Sides::new(headers, first, second);
    let mut metrics = headers.map(Metrics::new);
    let mut divergence = None;
    while let Some(both) = sides.step()? {
        for (metrics, record) in metrics.iter_mut().zip(&both) {
            if let Some(record) = record {
                metrics.record(record);
            }
        }
        if divergence.is_some() {
            continue;
        }
        match both {
            [Some(left), right] if right == Some(left) => sides.agree(left),
            differing => divergence = Some(sides.divergence(&differing)),
        }
    }
    let metrics = metrics.map(|metrics| metrics.finish());
    Ok(TraceDiff {
        header: compare_headers(headers[0], headers[1]),
        divergence,
        metrics: compare_metrics(&metrics[0], &metrics[1]),
        records: sides.counts(),
    })
}

/// Where two traces part, read no further than that; `None` when they do not. Fails as reading one of them does.
pub fn first_divergence(
    headers: [&TraceHeader; 2],
    first: impl Iterator<Item = Result<Record, TraceError>>,
    second: impl Iterator<Item = Result<Record, TraceError>>,
) -> Result<Option<Divergence>, TraceError> {
    let mut sides = Sides::new(headers, first, second);
    while let Some(both) = sides.step()? {
        match both {
            [Some(left), right] if right == Some(left) => sides.agree(left),
            differing => return Ok(Some(sides.divergence(&differing))),
        }
    }
    Ok(None)
}

fn compare_headers(first: &TraceHeader, second: &TraceHeader) -> HeaderDifferences {
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
