//! Names as a scenario holds them: references as short as they are clear, YAML scalars, comments.

use std::collections::BTreeMap;

use sim_core::model::application::ServiceKind;

use crate::draft::Draft;

/// What a scenario calls workloads and Services.
pub(super) struct Names<'a> {
    draft: &'a Draft,
    /// How many workloads share a kind and a name.
    workloads: BTreeMap<(&'static str, &'a str), usize>,
    /// How many Services share a name.
    services: BTreeMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    /// The names of what the files hold.
    pub(super) fn of(draft: &'a Draft) -> Self {
        let mut names = Self { draft, workloads: BTreeMap::new(), services: BTreeMap::new() };
        for workload in &draft.workloads {
            *names.workloads.entry((workload.kind.reference(), &workload.name)).or_default() += 1;
        }
        for service in &draft.services {
            *names.services.entry(&service.name).or_default() += 1;
        }
        names
    }

    /// `deployment/web`, or with its namespace where two share the name.
    pub(super) fn workload(&self, index: usize) -> String {
        let it = &self.draft.workloads[index];
        let kind = it.kind.reference();
        match self.workloads.get(&(kind, it.name.as_str())) {
            Some(1) => format!("{kind}/{}", it.name),
            _ => format!("{kind}/{}/{}", it.namespace, it.name),
        }
    }

    /// `service/web:80`, or with its namespace where two share the name.
    pub(super) fn service(&self, index: usize, port: u16) -> String {
        let it = &self.draft.services[index];
        match self.services.get(it.name.as_str()) {
            Some(1) => format!("service/{}:{port}", it.name),
            _ => format!("service/{}/{}:{port}", it.namespace, it.name),
        }
    }

    /// As a workload's `to` names a Service: a headless one is only a name, which its pods look up.
    pub(super) fn target(&self, index: usize, port: u16, from: usize) -> String {
        let it = &self.draft.services[index];
        if it.kind != ServiceKind::Headless {
            return self.service(index, port);
        }
        if it.namespace == self.draft.workloads[from].namespace {
            return format!("dns/{}:{port}", it.name);
        }
        format!("dns/{}.{}:{port}", it.name, it.namespace)
    }
}

/// A text as a YAML scalar, plain where no reader could take it for anything else.
pub(super) fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || (matches!(c, '.' | '/') && text.contains('/')))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '#' | ':' | '-' | '+'))
        && !text.ends_with(':')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&&*text.to_ascii_lowercase());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// A text as part of a comment: on one line, and not longer than a line is.
pub(super) fn comment(text: &str) -> String {
    let one_line: String = text.chars().map(|c| if c.is_control() || c == '\u{2028}' { ' ' } else { c }).collect();
    if one_line.chars().count() <= LONGEST {
        return one_line;
    }
    one_line.chars().take(LONGEST).chain("...".chars()).collect()
}

/// Longest text of a file that a comment repeats, in characters.
const LONGEST: usize = 200;

/// Some of many names, and how many more there are.
pub(super) fn some(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).map(|name| comment(name)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Most names in one comment.
const MOST_NAMES: usize = 12;
