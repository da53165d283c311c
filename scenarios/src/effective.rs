//! The text of an effective scenario back into a scenario: what the header of a trace holds is enough to know the settings
//! and the expectations of its run. Knows the text that `load` writes, and no trace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::canonical::canonical;
use crate::diagnostics::Source;
use crate::expectations::Metric;
use crate::load::{Loaded, load};
use crate::overrides::Overrides;
use crate::yaml;

/// What the lines that part the text begin with.
const MARK: &str = "--- ";

/// Loads the scenario that an effective scenario's text stands for. Its arms, settings and expectations are those of the
/// scenario that the text was made of; places in diagnostics are those of the text.
pub fn reload(effective: &str, metrics: &[Metric<'_>]) -> Loaded {
    let Parts { main, files, variants } = take_apart(effective);
    let read = |path: &Path| {
        files.get(path).cloned().ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "not in the text"))
    };
    let source = Source { name: "effective scenario".to_owned(), text: main };
    load(source, Path::new(""), &read, &Overrides { variants, ..Overrides::default() }, metrics)
}

/// What stands in the text.
#[derive(Debug, Default)]
struct Parts {
    /// The main file.
    main: String,
    /// Other files by path: manifests, and tables of arrivals.
    files: BTreeMap<PathBuf, String>,
    /// Variants as they would be typed.
    variants: Vec<(String, String)>,
}

fn take_apart(effective: &str) -> Parts {
    let body = effective.split_once('\n').map_or("", |(_, body)| body);
    let mut parts = Parts::default();
    let mut part = ("main", "");
    for line in body.split_inclusive('\n') {
        let head = line.strip_prefix(MARK).and_then(|head| head.trim_end_matches('\n').split_once(' '));
        // A table that is attached may hold any line; it ends where the next one begins.
        let known: &[&str] = if part.0 == "file" { &["file"] } else { &["document", "include", "variant", "file"] };
        if let Some(next) = head.filter(|(kind, _)| known.contains(kind)) {
            parts.end(part);
            parts.begin(next);
            part = next;
        } else {
            parts.add(part, line);
        }
    }
    parts.end(part);
    parts
}

impl Parts {
    fn begin(&mut self, (kind, path): (&str, &str)) {
        match kind {
            "document" => self.main.push_str("---\n"),
            "include" | "file" => drop(self.files.entry(path.into()).or_default()),
            _ => {}
        }
    }

    fn add(&mut self, (kind, path): (&str, &str), line: &str) {
        let file = self.files.get_mut(Path::new(path));
        match (kind, file) {
            ("include", Some(file)) => file.extend(["---\n", line]),
            ("file", Some(file)) => file.push_str(line),
            ("variant", _) => self.variants.push((path.to_owned(), typed(line))),
            _ => self.main.push_str(line),
        }
    }

    fn end(&mut self, (kind, path): (&str, &str)) {
        // Behind an attached file stands the end of a line that is not its own.
        if let Some(file) = self.files.get_mut(Path::new(path)).filter(|_| kind == "file") {
            file.pop();
        }
    }
}

/// A list of values as somebody would type it.
fn typed(list: &str) -> String {
    let values = match serde_json::from_str(list) {
        Ok(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    let plain = |value: &Value| {
        let text = value.as_str().filter(|text| !text.contains([',', '[', ']', '{', '}', '"', '\'']))?;
        (yaml::parse_value(text).ok()? == *value).then(|| text.to_owned())
    };
    values.iter().map(|value| plain(value).unwrap_or_else(|| canonical(value))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_text_comes_back() {
        let text = "podwire/v1 effective scenario\n{\n  \"a\": 1\n}\n--- document 1\n{\"b\":2}\n--- include k/x.yaml\n{\"c\":3}\n\
            {\"d\":4}\n--- variant cluster.maxPods\n[10,\"5s\",\"a, b\"]\n--- file t.csv\n1,2\n--- include not one\n\n";
        let Parts { main, files, variants } = take_apart(text);
        assert_eq!(main, "{\n  \"a\": 1\n}\n---\n{\"b\":2}\n");
        assert_eq!(files[Path::new("k/x.yaml")], "---\n{\"c\":3}\n---\n{\"d\":4}\n");
        assert_eq!(files[Path::new("t.csv")], "1,2\n--- include not one\n");
        assert_eq!(variants, [("cluster.maxPods".to_owned(), "10,5s,\"a, b\"".to_owned())]);
    }

    #[test]
    fn another_text_is_no_scenario_and_no_panic() {
        for text in ["", "x", "podwire/v1 effective scenario\n--- file", "--- include a\n--- variant b\n[", "\n{"] {
            assert!(reload(text, &[]).scenario.is_none(), "{text}");
        }
    }
}
