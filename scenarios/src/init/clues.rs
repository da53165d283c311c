//! From environment, commands and compose keys to the names that a workload knows others by. Knows no Services.

use super::addresses::{addresses, host_name};
use crate::draft::Clues;

/// A host that a workload knows, and where that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) host: String,
    /// `None` when no port stands beside it.
    pub(super) port: Option<u16>,
    /// The words of the file, for the comment.
    pub(super) written: String,
    /// True when nothing but an address can be meant, so that a Service which is not there is worth a word.
    pub(super) certain: bool,
}

/// Last words of variables that hold a host, perhaps with its port in a variable beside.
const HOST_WORDS: [&str; 9] =
    ["HOST", "HOSTNAME", "ADDR", "ADDRESS", "SERVER", "SERVICE", "ENDPOINT", "BACKEND", "UPSTREAM"];

/// Every host that the clues name, in the order of the file.
pub(super) fn mentions(clues: &Clues) -> Vec<Mention> {
    let mut found = Vec::new();
    for (name, value) in &clues.environment {
        let written = format!("{name}={value}");
        let whole = !value.contains(char::is_whitespace);
        let known = addresses(value).into_iter();
        let known: Vec<Mention> = known
            .map(|address| Mention {
                host: address.host,
                port: Some(address.port),
                written: written.clone(),
                certain: whole,
            })
            .collect();
        if known.is_empty() {
            found.extend(bare_host(name, value, &clues.environment));
        }
        found.extend(known);
    }
    for word in &clues.words {
        let known = addresses(word).into_iter();
        found.extend(known.map(|address| Mention {
            host: address.host,
            port: Some(address.port),
            written: format!("the argument {word}"),
            certain: false,
        }));
    }
    found
}

/// `X_HOST` beside `X_PORT`, or `X_HOST` alone.
fn bare_host(name: &str, value: &str, environment: &[(String, String)]) -> Option<Mention> {
    let upper = name.to_ascii_uppercase();
    let word = HOST_WORDS.iter().find(|word| {
        let before = upper.strip_suffix(**word);
        before.is_some_and(|before| before.is_empty() || before.ends_with(['_', '-', '.']))
    })?;
    let host = host_name(value)?;
    let beside = format!("{}PORT", &upper[..upper.len() - word.len()]);
    let port = environment.iter().find(|(other, _)| other.to_ascii_uppercase() == beside);
    let number = port.and_then(|(_, number)| number.trim().parse::<u16>().ok()).filter(|number| *number > 0);
    let written = match (port, number) {
        (Some((other, text)), Some(_)) => format!("{name}={value} and {other}={text}"),
        _ => format!("{name}={value}"),
    };
    Some(Mention { host, port: number, written, certain: number.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(environment: &[(&str, &str)], words: &[&str]) -> Vec<String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let clues = Clues { environment, words, ..Clues::default() };
        mentions(&clues).iter().map(|it| format!("{} {:?} {}", it.host, it.port, it.written)).collect()
    }

    #[test]
    fn a_host_takes_the_port_of_the_variable_beside_it() {
        let found = shown(&[("DB_PORT", "5432"), ("DB_HOST", "db"), ("CACHE_HOST", "cache")], &[]);
        assert_eq!(found, ["db Some(5432) DB_HOST=db and DB_PORT=5432", "cache None CACHE_HOST=cache"]);
    }

    #[test]
    fn only_names_of_hosts_stand_for_hosts() {
        assert_eq!(shown(&[("GET_HOSTS_FROM", "dns"), ("MYSQL_USER", "db"), ("GHOST", "db")], &[]), [""; 0]);
    }

    #[test]
    fn arguments_count_too() {
        let found = shown(&[], &["serve", "--backend=api:8080"]);
        assert_eq!(found, ["api Some(8080) the argument --backend=api:8080"]);
    }
}
