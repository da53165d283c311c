//! A story as an explanation: what happened to the request, why, back to a root, and what became of the cause.

use serde::Serialize;
use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, RecordId};

use super::history::step;
use super::story::Story;
use super::words::{outcome_words, sentence};
use super::{History, Step};
use crate::report::human_duration;
use crate::trace_io::Names;

/// A chain of more links is cut, as in `History`.
const LONGEST: usize = 64;

/// Why a request ended as it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The path it came by: a traffic source, or a call below one.
    pub traffic: String,
    /// Its number on that path, from 0.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub number: u64,
    /// How it ended, by its name in traces.
    pub outcome: &'static str,
    /// The same in words.
    pub ended: &'static str,
    /// Who made it: `pod/NAME` or `node/NAME`; `-` for nobody.
    pub client: String,
    /// When it arrived, ns.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub arrived: u64,
    /// How long it took, ns.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub lasted: u64,
    /// What happened to it and to its calls, in order.
    pub happened: Vec<Happening>,
    /// Why it failed: each link is what decided the one before it, or else triggered it; the last one is the root.
    pub chain: Vec<Step>,
    /// True when it failed and its chain ends at a root: a fault, an action, the plan, a limit, or an arrival of a request.
    pub rooted: bool,
    /// What became of the cause after that, in order: how the address was found dead and left the rules.
    pub afterwards: Vec<Step>,
}

/// One thing that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When, ns.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub time: u64,
    /// How many calls deep: 0 for the request itself.
    pub depth: usize,
    /// What happened, as a sentence without a full stop.
    pub words: String,
    /// The list or rule version that decided, where something did.
    pub because: Option<Step>,
}

/// Tells a story.
pub(crate) fn tell(story: &Story, history: &History, names: &Names) -> Explanation {
    let mut happened = Vec::new();
    happenings(story, 0, history, names, &mut happened);
    happened.sort_by_key(|happening| happening.time);
    // An answer needs no reason.
    let failed = story.outcome().is_some_and(|outcome| outcome != Outcome::Ok);
    let chain = if failed { chain(story, history) } else { Vec::new() };
    let rooted = chain.last().is_some_and(|last| last.cause == 0 && last.because == 0);
    // A chain that is nothing but the request's own arrival explains nothing.
    let told =
        chain.iter().filter(|record| story.arrival().is_none_or(|arrival| arrival.id != record.id || chain.len() > 1));
    let (traffic, number, client) = who(story, names);
    Explanation {
        traffic,
        number,
        client,
        outcome: story.outcome().map_or("unfinished", Outcome::word),
        ended: story.outcome().map_or("", outcome_words),
        arrived: story.arrival().map_or(0, |arrival| arrival.time.as_nanos()),
        lasted: story.lasted(),
        happened,
        chain: told.map(|record| step(record, names)).collect(),
        rooted,
        afterwards: if failed { afterwards(story, &chain, history, names) } else { Vec::new() },
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // a story begins with an arrival
fn who(story: &Story, names: &Names) -> (String, u64, String) {
    match story.arrival().map(|arrival| arrival.body) {
        Some(Body::RequestArrived { source, number, client, .. }) => {
            (names.source(source), number, names.client(client))
        }
        _ => (String::new(), 0, String::new()),
    }
}

fn happenings(story: &Story, depth: usize, history: &History, names: &Names, into: &mut Vec<Happening>) {
    // That the client is done with its connection is no news beside the end.
    let told = |record: &&Record| !matches!(record.body, Body::ConnectionClosed { .. });
    for record in story.records.iter().filter(told) {
        let decided = history.get(record.because).filter(|_| is_choice(&record.body));
        into.push(Happening {
            time: record.time.as_nanos(),
            depth,
            words: if depth == 0 { sentence(&record.body, names) } else { of_call(&record.body, names) },
            because: decided.map(|decided| step(decided, names)),
        });
    }
    for call in &story.calls {
        if call.outcome() == Some(Outcome::Ok) {
            into.push(answered(call, depth + 1, names));
        } else {
            happenings(call, depth + 1, history, names, into);
        }
    }
}

/// A call that was answered takes one line.
fn answered(call: &Story, depth: usize, names: &Names) -> Happening {
    let ((path, _, client), lasted) = (who(call, names), human_duration(call.lasted()));
    let words = format!("{client} calls {}, which answers after {lasted}", edge(&path));
    let time = call.arrival().map_or(0, |arrival| arrival.time.as_nanos());
    Happening { time, depth, words, because: None }
}

/// What a record says of a call, which stands below the request that it was made for.
#[allow(clippy::wildcard_enum_match_arm)] // all other kinds read the same for a call
fn of_call(body: &Body, names: &Names) -> String {
    match *body {
        Body::RequestArrived { source, client, .. } => {
            format!("{} calls {}", names.client(client), edge(&names.source(source)))
        }
        Body::RequestEnded { source, outcome, .. } => {
            format!("{}: {}", edge(&names.source(source)), outcome_words(outcome))
        }
        _ => sentence(body, names),
    }
}

/// The last edge of a path through the call graph.
fn edge(path: &str) -> &str {
    path.rsplit(" / ").next().unwrap_or(path)
}

/// Whether something chose what a record tells of; why a request ended is the chain's to tell.
fn is_choice(body: &Body) -> bool {
    matches!(body, Body::ConnectionOpened { .. } | Body::ConnectionReused { .. } | Body::NameResolved { .. })
}

/// From what decided the end, or else from what triggered it, back to a root.
fn chain<'a>(story: &'a Story, history: &'a History) -> Vec<&'a Record> {
    let Some(end) = story.end() else { return Vec::new() };
    let known = |id: RecordId| story.get(id).or_else(|| history.get(id));
    let before = |record: &Record| {
        let earlier = |id: RecordId| known(id).filter(|other| other.id < record.id);
        earlier(record.because).or_else(|| earlier(record.cause))
    };
    std::iter::successors(before(end), |record| before(record)).take(LONGEST).collect()
}

/// The last connection of the request that failed, at the end of the calls that brought it down.
fn last_dial(story: &Story) -> Option<(&Record, &Story)> {
    let failed =
        story.end().and_then(|end| story.calls.iter().find(|call| call.end().is_some_and(|it| it.id == end.because)));
    if let Some(call) = failed {
        return last_dial(call);
    }
    let dial = story.records.iter().rev().find(|record| matches!(record.body, Body::ConnectionOpened { .. }))?;
    Some((dial, story))
}

/// How the address that a failed request was sent to left the lists, once it had been dialled.
#[allow(clippy::wildcard_enum_match_arm)] // two kinds tell
fn afterwards(story: &Story, chain: &[&Record], history: &History, names: &Names) -> Vec<Step> {
    let Some((dial, story)) = last_dial(story) else { return Vec::new() };
    let Body::ConnectionOpened { pod: Some(pod), via, .. } = dial.body else { return Vec::new() };
    let later = history.records().iter().skip_while(|record| record.id < dial.id);
    let Some((removal, version)) = later.clone().find_map(|record| Some((record, leaves(&record.body, pod)?))) else {
        return Vec::new();
    };
    let node = via.or_else(|| node_of_client(story, history));
    let client = client_of(story);
    let learned = later.skip_while(|record| record.id <= removal.id).find(|record| match record.body {
        Body::ProxySynced { node: synced, version: held } => Some(synced) == node && held >= version,
        Body::ClientConfigured { client: told, version: held, .. } => Some(told) == client && held >= version,
        _ => false,
    });
    let mut steps: Vec<&Record> = history.chain(removal.id);
    steps.reverse();
    steps.retain(|record| record.id > dial.id && chain.iter().all(|told| told.id != record.id));
    steps.into_iter().chain(learned).map(|record| step(record, names)).collect()
}

/// The version of the list that a pod's address leaves.
#[allow(clippy::wildcard_enum_match_arm)] // two kinds tell
fn leaves(body: &Body, wanted: PodId) -> Option<u64> {
    match *body {
        Body::EndpointRemoved { pod, version, .. } | Body::RegistryRemoved { pod, version, .. } if pod == wanted => {
            Some(version)
        }
        _ => None,
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // a story begins with an arrival
fn client_of(story: &Story) -> Option<Client> {
    match story.arrival()?.body {
        Body::RequestArrived { client, .. } => Some(client),
        _ => None,
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // one kind tells
fn node_of_client(story: &Story, history: &History) -> Option<NodeId> {
    match client_of(story)? {
        Client::None => None,
        Client::Node(node) => Some(node),
        Client::Pod(wanted) => history.records().iter().find_map(|record| match record.body {
            Body::PodScheduled { pod, node } if pod == wanted => Some(node),
            _ => None,
        }),
    }
}
