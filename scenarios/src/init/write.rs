//! The scenario's text: what was guessed, with a comment beside every guess.

use std::collections::{BTreeMap, BTreeSet};

use super::calls;
use super::entry::{Entry, Sender, entry, generators, senders};
use super::graph::{Edge, Graph};
use super::names::{self, Names};
use super::reach::{Reach, declared, is_system};
use super::surroundings;
use crate::diagnostics::Sink;
use crate::directory::Directory;
use crate::draft::Draft;
use crate::load::stem;
use crate::schema::API_VERSION;
use sim_core::model::application::Protocol;

/// The name of the scenario: the one namespace of its workloads, or the first file's.
fn name_of(draft: &Draft, includes: &[String]) -> String {
    let mut spaces = draft.workloads.iter().map(|workload| workload.namespace.as_str());
    let space = spaces.next().unwrap_or_default();
    if space != "default" && spaces.all(|other| other == space) {
        return space.to_owned();
    }
    includes.first().map_or_else(|| "from-manifests".to_owned(), |path| stem(path))
}

/// The whole scenario.
pub(super) fn scenario(draft: &Draft, sink: &Sink, includes: &[String]) -> String {
    let directory = Directory::of(draft);
    let (reach, named) = (Reach::of(&directory), Names { directory: &directory });
    let graph = Graph::of(&reach);
    let entry = entry(&reach, &graph, &named, sink);
    let starts = entry.as_ref().map(|entry| entry.workloads.clone()).unwrap_or_default();
    let graph = graph.without_cycles(draft, &starts);
    let guess = Guess { draft, reach: &reach, named: &named, graph: &graph, entry: entry.as_ref() };
    let mut lines = guess.head(&name_of(draft, includes));
    if !includes.is_empty() {
        lines.push("  include: # from this file's folder; of standard input, from the current one".to_owned());
        lines.extend(includes.iter().map(|path| format!("    - {}", names::scalar(path))));
    }
    lines.extend(guess.arms());
    lines.extend(surroundings::topology(draft));
    lines.extend(surroundings::placement(draft, &named));
    lines.extend(guess.behaviour());
    lines.extend(guess.notes());
    lines.extend(guess.traffic());
    lines.extend(guess.fault());
    lines.extend(surroundings::cluster(draft));
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

/// What was guessed, to be written down.
struct Guess<'a> {
    draft: &'a Draft,
    reach: &'a Reach<'a>,
    named: &'a Names<'a>,
    graph: &'a Graph,
    entry: Option<&'a Entry>,
}

impl Guess<'_> {
    fn head(&self, name: &str) -> Vec<String> {
        let (workloads, services) = (self.draft.workloads.len(), self.draft.services.len());
        let what = self.victim().map_or_else(String::new, |victim| format!("; a node dies under {victim}"));
        let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        let (workloads, services) = (count(workloads, "workload"), count(services, "Service"));
        let description = format!("{workloads} and {services}{what}.");
        vec![
            "# Written by `podwire init`. Manifests do not say who asks whom, how often, and how long an answer takes:"
                .to_owned(),
            "# each line with `guess` is podwire's, with its reason; put right what you know better.".to_owned(),
            format!("apiVersion: {API_VERSION}"),
            "kind: Scenario".to_owned(),
            "metadata:".to_owned(),
            format!("  name: {}", names::scalar(name)),
            format!("  description: {}", names::scalar(&description)),
            "spec:".to_owned(),
            "  seed: 1".to_owned(),
            "  duration: 10m".to_owned(),
        ]
    }

    fn arms(&self) -> Vec<String> {
        let compose = self.draft.workloads.iter().all(|workload| workload.published.is_some());
        let arms = if compose { "[docker-static, service]" } else { "[service, docker-registry]" };
        vec![format!("  arms: {arms} # `podwire run` takes the first, `podwire compare` all")]
    }

    /// The workload under which a node dies: the first behind the way in, or the first with pods.
    fn victim(&self) -> Option<String> {
        let behind = self.entry.and_then(|entry| entry.workloads.first().copied());
        let any = || self.draft.workloads.iter().position(|workload| workload.replicas > 0);
        behind.or_else(any).map(|index| self.named.workload(index))
    }

    /// Workloads that requests reach.
    fn reached(&self) -> BTreeSet<usize> {
        let starts = self.entry.map(|entry| entry.workloads.clone()).unwrap_or_default();
        self.graph.reached_from(&starts).into_iter().collect()
    }

    /// The calls that a workload makes when it is asked.
    fn calls(&self, workload: usize) -> Vec<&Edge> {
        let asked = self.reach.is_served(workload) || self.entry.is_some_and(|it| it.workloads.contains(&workload));
        if asked { self.graph.from(workload).collect() } else { Vec::new() }
    }

    fn behaviour(&self) -> Vec<String> {
        let reached = self.reached();
        let mut lines = Vec::new();
        for index in 0..self.draft.workloads.len() {
            let calls = self.calls(index);
            if calls.is_empty() && !reached.contains(&index) {
                continue;
            }
            lines.push(format!("    {}:", names::scalar(&self.named.workload(index))));
            lines.push("      serviceTime: {kind: exponential, mean: 5ms} # guess: no file says it".to_owned());
            lines.extend(calls::lines(self.named, &calls, 3));
        }
        if !lines.is_empty() {
            lines.insert(0, "  behaviour:".to_owned());
        }
        lines
    }

    /// What the files hold and the scenario does not use.
    fn notes(&self) -> Vec<String> {
        let (draft, named) = (self.draft, self.named);
        let mut lines = Vec::new();
        for clue in &self.graph.left_out {
            let (from, why) = (named.workload(clue.from), names::comment(&clue.why));
            lines.push(format!("  # left out, a call of {from} ({}): {why}", names::comment(&clue.clue)));
        }
        let generators = self.entry.iter().flat_map(|entry| generators(self.reach, self.graph, entry));
        let sending: BTreeSet<usize> = generators.map(|edge| edge.from).collect();
        for edge in &self.graph.edges {
            let first = sending.contains(&edge.from)
                && self.entry.is_some_and(|entry| edge.to.iter().any(|to| entry.workloads.contains(to)));
            if self.calls(edge.from).is_empty() && !first {
                let (from, to) = (named.workload(edge.from), named.service(edge.service, edge.port));
                let why = names::comment(&edge.why);
                lines.push(format!(
                    "  # left out, calls of {from} to {to} ({why}): nobody can ask it, so only traffic of its own would make them"
                ));
            }
        }
        let reached = self.reached();
        let with_pods = |index: &usize| draft.workloads[*index].replicas > 0;
        let has_port = |index: &usize| {
            let tcp = declared(&draft.workloads[*index]).any(|port| port.protocol == Protocol::Tcp);
            tcp || self.reach.is_served(*index)
        };
        let name = |index: usize| named.workload(index);
        let (asked, silent): (Vec<usize>, Vec<usize>) =
            (0..draft.workloads.len()).filter(with_pods).partition(has_port);
        let unasked: Vec<String> = asked.into_iter().filter(|index| !reached.contains(index)).map(name).collect();
        let silent: Vec<String> = silent.into_iter().filter(|index| !sending.contains(index)).map(name).collect();
        let empty: Vec<String> = (0..draft.workloads.len()).filter(|index| !with_pods(index)).map(name).collect();
        let system = |workload: &&crate::draft::DraftWorkload| is_system(&workload.namespace, &workload.name);
        let system: Vec<String> = draft.workloads.iter().filter(system).map(|it| it.name.clone()).collect();
        for (what, names) in [
            ("no request reaches these, as far as the files say", unasked),
            ("without a TCP port, so nobody can ask them", silent),
            ("without replicas", empty),
            ("of the cluster itself, kept", system),
            ("not modelled", by_kind(&draft.skipped)),
        ] {
            if !names.is_empty() {
                lines.push(format!("  # {what}: {}", names::some(&names)));
            }
        }
        lines
    }

    fn traffic(&self) -> Vec<String> {
        let Some(entry) = self.entry else {
            return vec!["  traffic: [] # no workload has a TCP port, so nobody can be asked".to_owned()];
        };
        let mut lines = vec![format!("  traffic: # guess: the way in is {}: {}", entry.to, names::comment(&entry.why))];
        if !entry.others.is_empty() {
            lines.push(format!("    # other ways in: {}", names::some(&entry.others)));
        }
        for sender in senders(self.reach, self.graph, self.named, entry) {
            lines.extend(source(&sender));
        }
        lines
    }

    fn fault(&self) -> Vec<String> {
        let Some(victim) = self.victim() else { return Vec::new() };
        vec![
            "  faults: # guess: what is worth to know; the node stays down, `for: 2m` brings it back".to_owned(),
            "    - name: lost-node".to_owned(),
            "      at: 1m".to_owned(),
            "      kind: node-crash".to_owned(),
            format!("      node: {{hosting: {}, index: 0}}", names::scalar(&victim)),
        ]
    }
}

/// Skipped objects, `Kind/name`, with the numbers of those of which there are many.
fn by_kind(skipped: &[String]) -> Vec<String> {
    let mut kinds: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for object in skipped {
        kinds.entry(object.split('/').next().unwrap_or_default()).or_default().push(object);
    }
    let shown = |(kind, objects): (&str, Vec<&String>)| match objects.as_slice() {
        few @ ([] | [_] | [_, _]) => few.iter().map(|object| (*object).clone()).collect(),
        many => vec![format!("{} of kind {kind}", many.len())],
    };
    kinds.into_iter().flat_map(shown).collect()
}

fn source(sender: &Sender) -> Vec<String> {
    let mut lines = vec![
        format!("    - name: {}", names::scalar(&sender.name)),
        format!("      from: {} # guess: {}", names::scalar(&sender.from), names::comment(&sender.why)),
        format!("      to: {}", names::scalar(&sender.to)),
    ];
    if sender.balanced {
        lines.push("      front: load-balancer # what its type asks the cloud for".to_owned());
    }
    lines.extend([
        format!("      arrivals: {{kind: poisson, rate: {}/s}} # guess: no file says it", sender.rate),
        "      connectTimeout: 2s".to_owned(),
        "      timeout: 5s".to_owned(),
    ]);
    lines
}
