//! The story of a run in about 30 lines: what stood at the start, then what happened, when and why, with the failed
//! requests in between summed up.

mod impairments;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use sim_core::model::ids::{PodId, ServicePortId, SourceId};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, RecordId, TraceHeader, TraceSink};

use crate::explain::history::is_remembered;
use crate::trace_io::Names;
use words::seconds;

/// The story is shortened until it has at most so many lines.
const LINES: usize = 40;

/// Entries of one kind that are this close (ns) become one line, as far as the length of the story needs it.
const CLOSE: [u64; 5] = [0, 1_000_000_000, 10_000_000_000, 60_000_000_000, u64::MAX];

/// At most so many names stand in one line.
const NAMES: usize = 3;

/// One thing in the story.
#[derive(Clone, Debug)]
struct Entry {
    time: u64,
    until: u64,
    kind: &'static str,
    what: Vec<String>,
    why: String,
}

/// A pod at the start.
#[derive(Clone, Debug, Default)]
struct StartPod {
    node: String,
    addresses: Vec<String>,
    ready: bool,
}

/// Whose requests failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    /// A traffic source's own.
    Source(SourceId),
    /// A call's, by its number in the header.
    Call(u32),
}

/// Failures of one kind since the last entry.
#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u64,
    first: u64,
    last: u64,
}

/// Follows a run and tells its story.
#[derive(Clone, Debug)]
pub struct Timeline {
    names: Names,
    entries: Vec<Entry>,
    known: BTreeMap<RecordId, (&'static str, u64)>,
    /// By edge of the call graph: a source, or a call whatever the way to it.
    failures: BTreeMap<(Edge, Outcome), Failed>,
    nodes: usize,
    services: Vec<String>,
    pods: BTreeMap<PodId, StartPod>,
    lists: BTreeMap<ServicePortId, Vec<String>>,
    ended: u64,
    failed: u64,
}

impl Timeline {
    /// The story of a run with this header, before its first record.
    pub fn new(header: &TraceHeader) -> Self {
        Self {
            names: Names::new(header),
            entries: Vec::new(),
            known: BTreeMap::new(),
            failures: BTreeMap::new(),
            nodes: 0,
            services: Vec::new(),
            pods: BTreeMap::new(),
            lists: BTreeMap::new(),
            ended: 0,
            failed: 0,
        }
    }

    /// Writes the story so far.
    pub fn render(&self, output: &mut dyn Write) -> std::io::Result<()> {
        for line in self.lines() {
            writeln!(output, "{line}")?;
        }
        Ok(())
    }

    /// The lines of the story so far.
    pub fn lines(&self) -> Vec<String> {
        let mut entries = self.entries.clone();
        entries.extend(self.failure_entries());
        // An ejection does not close the failures before it, so those come after it.
        entries.sort_by_key(|entry| entry.time);
        let start = self.start_lines();
        let mut shown = entries.clone();
        for close in CLOSE {
            shown = merge(&entries, close);
            if shown.len() + start.len() < LINES {
                break;
            }
        }
        let left_out = (shown.len() + start.len() + 2).saturating_sub(LINES.max(start.len() + 12));
        let middle = if left_out > 0 { shown.len() / 2 - left_out.min(shown.len()) / 2 } else { shown.len() };
        let width = shown.iter().map(|entry| entry.kind.len()).max().unwrap_or(0).max("set-up".len());
        let mut lines = start;
        for (index, entry) in shown.iter().enumerate() {
            if left_out > 0 && (middle..middle + left_out).contains(&index) {
                if index == middle {
                    lines.push(format!("{:>11}  ... {left_out} more; --trace jsonl has them all", ""));
                }
                continue;
            }
            lines.push(entry.line(width));
        }
        let (ended, failed) = (self.ended, self.failed);
        lines.push(format!("{:>11}  {ended} requests ended, {failed} of them failed", "in all"));
        lines
    }

    fn start_lines(&self) -> Vec<String> {
        let header = self.names.header();
        let mut lines = vec![format!(
            "{:>11}  {} under {}, discovery {}, seed {}: {} nodes{}{}",
            "+0.000s",
            header.scenario,
            header.model,
            header.discovery,
            header.seed,
            self.nodes,
            if self.services.is_empty() { "" } else { ", Services " },
            list(&self.services)
        )];
        for (count, (pod, at)) in self.pods.iter().enumerate() {
            if count == 6 {
                lines.push(format!("{:>11}  and {} more pods", "", self.pods.len() - count));
                break;
            }
            let state = if at.ready { "" } else { ", not ready" };
            let node = if at.node.is_empty() { "no node" } else { &at.node };
            lines.push(format!("{:>11}  {} on {node}, {}{state}", "", self.names.pod(*pod), list(&at.addresses)));
        }
        for (port, addresses) in &self.lists {
            lines.push(format!("{:>11}  {} -> {}", "", self.names.service_port(*port), list(addresses)));
        }
        lines
    }

    #[allow(clippy::wildcard_enum_match_arm)] // only what stands at the start is summed up
    fn start(&mut self, record: &Record) {
        match record.body {
            Body::NodeRegistered { .. } => self.nodes += 1,
            Body::ServiceCreated { service, cluster_ip } => {
                self.services.push(format!("{} {cluster_ip}", self.names.service(service)));
            }
            Body::PodCreated { pod, .. } => drop(self.pods.entry(pod).or_default()),
            Body::PodScheduled { pod, node } => self.pods.entry(pod).or_default().node = self.names.node(node),
            Body::AddressAssigned { pod, address } => {
                self.pods.entry(pod).or_default().addresses.push(address.to_string());
            }
            Body::PortPublished { pod, node, host_port, container_port } => {
                let published = format!("{}:{host_port} -> {container_port}", self.names.node(node));
                self.pods.entry(pod).or_default().addresses.push(published);
            }
            Body::PodReady { pod } => self.pods.entry(pod).or_default().ready = true,
            Body::EndpointAdded { service_port, address, port, .. }
            | Body::RegistryAdded { service_port, address, port, .. } => {
                self.lists.entry(service_port).or_default().push(format!("{address}:{port}"));
            }
            Body::PortConflict { .. }
            | Body::PodPending { .. }
            | Body::FaultStarted { .. }
            | Body::ActionStarted { .. } => self.tell(record),
            _ => {}
        }
    }

    fn tell(&mut self, record: &Record) {
        if !matches!(record.body, Body::AddressEjected { .. }) {
            self.flush_failures();
        }
        let time = record.time.as_nanos();
        let why = [record.because, record.cause].into_iter().find_map(|id| self.known.get(&id));
        let why = why.map_or_else(String::new, |(kind, at)| match time.saturating_sub(*at) {
            0 => format!("<- {kind}"),
            later => format!("<- {kind} {} before", seconds(later)),
        });
        let what = vec![words::what(&record.body, &self.names)];
        self.entries.push(Entry { time, until: time, kind: record.body.kind(), what, why });
    }

    fn flush_failures(&mut self) {
        let entries = self.failure_entries();
        self.entries.extend(entries);
        self.failures.clear();
    }

    /// One entry for each source and way of failing, and one for all calls together.
    fn failure_entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut calls: Vec<(u32, Outcome, Failed)> = Vec::new();
        for ((edge, outcome), failed) in &self.failures {
            let source = match edge {
                Edge::Source(source) => source,
                Edge::Call(edge) => {
                    calls.push((*edge, *outcome, *failed));
                    continue;
                }
            };
            let requests = if failed.count == 1 { "request" } else { "requests" };
            let (count, name) = (failed.count, self.names.source(*source));
            let what = vec![format!("{count} {requests} of {name} failed with {}", outcome.word())];
            entries.push(Entry { time: failed.first, until: failed.last, kind: "failures", what, why: String::new() });
        }
        let time = calls.iter().map(|(_, _, failed)| failed.first).min();
        if let Some(time) = time {
            calls.sort_by_key(|(_, _, failed)| std::cmp::Reverse(failed.count));
            let until = calls.iter().map(|(_, _, failed)| failed.last).max().unwrap_or(time);
            let words = |(edge, outcome, failed): &(u32, Outcome, Failed)| {
                let name = self.names.header().edges.get(*edge as usize).map_or("?", |edge| edge.name.as_str());
                format!("{} {name} {}", failed.count, outcome.word())
            };
            let what = calls.iter().map(words).collect();
            entries.push(Entry { time, until, kind: "call-failures", what, why: String::new() });
        }
        entries.sort_by_key(|entry| entry.time);
        entries
    }

    fn edge(&self, source: SourceId) -> Edge {
        let path = self.names.header().sources.get(source.index()).filter(|path| path.parent.is_some());
        path.map_or(Edge::Source(source), |path| Edge::Call(path.edge))
    }

    fn ended(&mut self, record: &Record, source: SourceId, outcome: Outcome) {
        let edge = self.edge(source);
        let is_root = matches!(edge, Edge::Source(_));
        self.ended += u64::from(is_root);
        // A call that only hands the failure of another one on is not told.
        let handed_on = !is_root && outcome == Outcome::ServerError && record.because != 0;
        if outcome != Outcome::Ok && !handed_on {
            let time = record.time.as_nanos();
            self.failed += u64::from(is_root);
            let failed = self.failures.entry((edge, outcome)).or_insert(Failed { count: 0, first: time, last: time });
            (failed.count, failed.last) = (failed.count + 1, time);
        }
    }
}

impl TraceSink for Timeline {
    #[allow(clippy::wildcard_enum_match_arm)] // all other kinds are the control plane's
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::RequestEnded { source, outcome, .. } => self.ended(record, source, outcome),
            _ if !is_remembered(&record.body) => {}
            _ => {
                self.names.learn(record);
                self.known.insert(record.id, (record.body.kind(), record.time.as_nanos()));
                if record.time.as_nanos() == 0 { self.start(record) } else { self.tell(record) }
            }
        }
    }
}

impl Entry {
    fn line(&self, width: usize) -> String {
        let time = format!("+{}", seconds(self.time));
        let mut line = format!("{time:>11}  {:width$}  {}", self.kind, list(&self.what));
        if self.until > self.time {
            let _ = write!(line, ", until +{}", seconds(self.until));
        }
        if !self.why.is_empty() {
            line.push_str("  ");
            line.push_str(&self.why);
        }
        line
    }
}

/// Makes one line of neighbours of one kind that are at most `close` ns apart.
fn merge(entries: &[Entry], close: u64) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    for entry in entries {
        match merged.last_mut() {
            Some(last)
                if last.kind == entry.kind
                    && !matches!(entry.kind, "failures" | "call-failures")
                    && entry.time.saturating_sub(last.until) <= close =>
            {
                last.until = entry.until;
                last.what.extend_from_slice(&entry.what);
            }
            _ => merged.push(entry.clone()),
        }
    }
    merged
}

/// The first few of a list, and how many more there are.
fn list(items: &[String]) -> String {
    let mut text = items.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    if items.len() > NAMES {
        let _ = write!(text, " and {} more", items.len() - NAMES);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, MS, S, header};
    use sim_core::model::ids::{FaultId, NodeId};

    fn story(run: &Builder) -> String {
        run.feed(Timeline::new(&header())).lines().join("\n")
    }

    #[test]
    fn a_node_death_reads_as_a_story() {
        let mut run = Builder::cluster();
        run.at(60 * S);
        let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
        let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
        for number in 0..3 {
            let from = (61 + number) * S;
            run.request(number, from, Some(1), Some((from + 2 * S, Outcome::ConnectTimeout, down)));
        }
        run.at(105 * S + 901 * MS);
        let lost = run.add(down, 0, Body::NodeNotReady { node: NodeId(2) });
        let pod = run.add(lost, 0, Body::PodNotReady { pod: PodId(1) });
        run.at(105 * S + 911 * MS);
        let removed = run.endpoint_gone(pod, 1, "10.244.2.2", 3);
        run.at(106 * S);
        run.add(removed, 0, Body::ProxySynced { node: NodeId(3), version: 3 });
        run.at(411 * S);
        run.add(
            lost,
            0,
            Body::PodDeleted { pod: PodId(1), reason: sim_core::trace::words::DeleteReason::TaintEviction },
        );
        insta::assert_snapshot!(story(&run), @r#"
  +0.000s  test under flat-pod-ip, discovery service, seed 42: 4 nodes, Services my-nginx 10.96.3.4
           my-nginx-5b56ccd65f-abcde on node-1, 10.244.1.2
           my-nginx-5b56ccd65f-abcdf on node-2, 10.244.2.2
           curl-5b56ccd65f-abcdg on node-3, 10.244.3.2
           my-nginx:80 -> 10.244.1.2:80, 10.244.2.2:80
 +60.000s  fault-started     lost-node begins
 +60.000s  node-down         node-2 stops  <- fault-started
 +63.000s  failures          3 requests of curl failed with connect-timeout, until +65.000s
+105.901s  node-not-ready    node-2 has been silent for too long  <- node-down 45.901s before
+105.901s  pod-not-ready     my-nginx-5b56ccd65f-abcdf  <- node-not-ready
+105.911s  endpoint-removed  my-nginx:80 loses 10.244.2.2:80 (version 3)  <- pod-not-ready 0.010s before
+106.000s  proxy-synced      node-3 has version 3 in its rules  <- endpoint-removed 0.089s before
+411.000s  pod-deleted       my-nginx-5b56ccd65f-abcdf: evicted from its unreachable node  <- node-not-ready 305.099s before
   in all  3 requests ended, 3 of them failed
"#);
    }

    #[test]
    fn failed_calls_are_told_in_one_line_and_ejections_do_not_part_them() {
        let mut calls = crate::testing::calls::mixed();
        let (source, client) = (SourceId(3), sim_core::trace::fields::Client::Pod(PodId(0)));
        let (address, port, until) = (crate::testing::ip("10.244.2.2"), 80, 9 * S);
        calls.run.add(0, 0, Body::AddressEjected { source, client, address, port, until });
        let story = calls.run.feed(Timeline::new(&crate::testing::calls::header())).lines().join("\n");
        insta::assert_snapshot!(story, @r#"
+0.000s  test under flat-pod-ip, discovery service, seed 42: 4 nodes, Services my-nginx 10.96.3.4
         my-nginx-5b56ccd65f-abcde on node-1, 10.244.1.2
         my-nginx-5b56ccd65f-abcdf on node-2, 10.244.2.2
         curl-5b56ccd65f-abcdg on node-3, 10.244.3.2
         my-nginx:80 -> 10.244.1.2:80, 10.244.2.2:80
+0.500s  fault-started    lost-node begins
+0.500s  node-down        node-2 stops  <- fault-started
+1.022s  call-failures    10 front > mid connect-timeout, 10 mid > leaf connect-timeout, until +7.040s
+1.024s  failures         10 requests of web failed with 5xx, until +6.874s
+1.180s  failures         10 requests of web failed with request-timeout, until +7.030s
+7.470s  address-ejected  pod/my-nginx-5b56ccd65f-abcde leaves 10.244.2.2:80 out until 9.000s
 in all  40 requests ended, 20 of them failed
"#);
    }

    #[test]
    fn a_long_story_is_shortened() {
        let mut run = Builder::cluster();
        for second in 1..500 {
            run.at(second * 100 * S);
            run.add(0, 0, Body::NodeDown { node: NodeId(2) });
            run.at(second * 100 * S + 50 * S);
            run.add(0, 0, Body::NodeUp { node: NodeId(2) });
        }
        let story = story(&run);
        assert!(story.lines().count() <= LINES, "{story}");
        assert!(story.contains("more; --trace jsonl"), "{story}");
    }
}
