//! Names as a scenario holds them: references as short as they are clear, YAML scalars, comments.

use sim_core::model::application::ServiceKind;

use crate::directory::Directory;

/// What a scenario calls workloads and Services.
pub(super) struct Names<'a> {
    pub(super) directory: &'a Directory<'a>,
}

impl Names<'_> {
    /// `deployment/web`, or with its namespace where two share the name.
    pub(super) fn workload(&self, index: usize) -> String {
        let it = &self.directory.draft.workloads[index];
        let kind = it.kind.reference();
        match self.directory.workloads(it.kind, &it.name) {
            [_] => format!("{kind}/{}", it.name),
            _ => format!("{kind}/{}/{}", it.namespace, it.name),
        }
    }

    /// `service/web:80`, or with its namespace where two share the name.
    pub(super) fn service(&self, index: usize, port: u16) -> String {
        let it = &self.directory.draft.services[index];
        match self.directory.services(&it.name) {
            [_] => format!("service/{}:{port}", it.name),
            _ => format!("service/{}/{}:{port}", it.namespace, it.name),
        }
    }

    /// As a workload's `to` names a Service: a headless one is only a name, which its pods look up.
    pub(super) fn target(&self, index: usize, port: u16, from: usize) -> String {
        let it = &self.directory.draft.services[index];
        if it.kind != ServiceKind::Headless {
            return self.service(index, port);
        }
        if it.namespace == self.directory.draft.workloads[from].namespace {
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
