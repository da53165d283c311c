//! Follows a run and keeps what explains the requests that were asked for: one by name, the first that fails, the slowest.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use sim_core::model::ids::SourceId;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Record, TraceHeader, TraceSink};

use super::History;
use super::history::is_remembered;
use super::story::{Name, Stories, Story};
use super::telling::{Explanation, tell};
use crate::trace_io::Names;

/// Which requests are to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The request of a path (a traffic source, or a call below one) with this number, from 0.
    Request(SourceId, u64),
    /// The first request of a traffic source that fails.
    FirstFailure,
    /// So many requests of traffic sources that took longest, the longest first.
    Slowest(usize),
}

/// A request that cannot be looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// It is no number, and no `SOURCE/NUMBER`.
    #[error("`{0}` is no request: write its number, or SOURCE/NUMBER as in `curl/812`")]
    Form(String),
    /// Only a number was given, and there are several sources.
    #[error("which `{number}`? There are several sources: write one of {}", list(.known, .number))]
    Several {
        /// What was given.
        number: String,
        /// The sources there are.
        known: Vec<String>,
    },
    /// There is no such source.
    #[error("no traffic is called `{name}`; there are {}", .known.join(", "))]
    Unknown {
        /// What was given.
        name: String,
        /// The sources and calls there are.
        known: Vec<String>,
    },
}

fn list(sources: &[String], number: &str) -> String {
    sources.iter().map(|source| format!("{source}/{number}")).collect::<Vec<_>>().join(", ")
}

impl Wanted {
    /// Reads `NUMBER`, when there is one traffic source, or `SOURCE/NUMBER`.
    pub fn request(text: &str, header: &TraceHeader) -> Result<Self, BadRequest> {
        let (name, digits) = text.rsplit_once('/').map_or((None, text), |(name, digits)| (Some(name), digits));
        let number: u64 = digits.parse().map_err(|_| BadRequest::Form(text.to_owned()))?;
        let names = header.sources.iter().map(|source| source.name.clone());
        let Some(name) = name else {
            let roots = header.sources.iter().enumerate().filter(|(_, source)| source.parent.is_none());
            let roots: Vec<(usize, String)> = roots.map(|(index, source)| (index, source.name.clone())).collect();
            if let [(index, _)] = roots[..] {
                return Ok(Self::Request(SourceId::from_index(index), number));
            }
            let known = roots.into_iter().map(|(_, name)| name).collect();
            return Err(BadRequest::Several { number: digits.to_owned(), known });
        };
        let found = names.clone().position(|known| known == name);
        let unknown = || BadRequest::Unknown { name: name.to_owned(), known: names.collect() };
        found.map(|index| Self::Request(SourceId::from_index(index), number)).ok_or_else(unknown)
    }
}

/// Follows a run, for the explanation of some of its requests.
#[derive(Clone, Debug)]
pub struct Explainer {
    wanted: Wanted,
    names: Names,
    history: History,
    stories: Stories,
    /// By how long they took, the longest first, then by their ends.
    kept: BTreeMap<(Reverse<u64>, u64), Story>,
}

impl Explainer {
    /// An explainer of a run with this header, before its first record.
    pub fn new(header: &TraceHeader, wanted: Wanted) -> Self {
        Self {
            wanted,
            names: Names::new(header),
            history: History::default(),
            stories: Stories::default(),
            kept: BTreeMap::new(),
        }
    }

    /// What explains the requests that were asked for; empty when there are none.
    pub fn finish(&self) -> Vec<Explanation> {
        self.kept.values().map(|story| tell(story, &self.history, &self.names)).collect()
    }

    fn takes(&self, name: Name, story: &Story) -> bool {
        let is_root = self.names.header().sources.get(name.0 as usize).is_some_and(|path| path.parent.is_none());
        match self.wanted {
            Wanted::Request(source, number) => name == (source.0, number),
            Wanted::FirstFailure => is_root && self.kept.is_empty() && story.outcome() != Some(Outcome::Ok),
            Wanted::Slowest(_) => is_root,
        }
    }

    fn keep(&mut self, story: Story) {
        let end = story.end().map_or(0, |end| end.id);
        self.kept.insert((Reverse(story.lasted()), end), story);
        if let Wanted::Slowest(most) = self.wanted
            && self.kept.len() > most
        {
            self.kept.pop_last();
        }
    }

    /// A chain may run through the request that a record of the control plane was caused by.
    fn remember(&mut self, record: &Record) {
        for id in [record.cause, record.because] {
            if let Some(arrival) = self.stories.arrival(id) {
                self.history.insert(*arrival);
            }
        }
        self.history.learn(record);
    }
}

impl TraceSink for Explainer {
    fn record(&mut self, record: &Record) {
        if is_remembered(&record.body) {
            self.names.learn(record);
            return self.remember(record);
        }
        if let Some((name, story)) = self.stories.take(record)
            && self.takes(name, &story)
        {
            self.keep(story);
        }
    }
}
