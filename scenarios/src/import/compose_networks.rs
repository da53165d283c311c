//! What compose files say of networks and of health checks. Knows no subnets.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::diagnostics::codes::{BAD_VALUE, HEALTHCHECK};
use crate::diagnostics::{Place, Sink};
use crate::nearest::did_you_mean;
use crate::schema::values::{Dict, List, NameText};

/// The network of services that name none; every project has it.
const DEFAULT: &str = "default";

/// A network of the file; nothing about it but its name is modelled.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct NetworkSpec {}

/// How a service is attached to a network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Attachment {
    aliases: List<NameText>,
}

/// Networks of a service: a list of names, or a mapping by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks(Vec<(String, String, Attachment)>);

struct NetworksVisitor;

impl<'de> Visitor<'de> for NetworksVisitor {
    type Value = Networks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of networks or a mapping by name")
    }

    fn visit_unit<E>(self) -> Result<Networks, E> {
        Ok(Networks::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Networks, A::Error> {
        let mut all = Vec::new();
        while let Some(name) = access.next_element::<String>()? {
            all.push((name, all.len().to_string(), Attachment::default()));
        }
        Ok(Networks(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Networks, A::Error> {
        let mut all = Vec::new();
        while let Some((name, attachment)) = access.next_entry::<String, Option<Attachment>>()? {
            all.push((name.clone(), name, attachment.unwrap_or_default()));
        }
        Ok(Networks(all))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NetworksVisitor)
    }
}

/// `healthcheck`: read, shown, without effect (A28).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Healthcheck {
    #[serde(rename = "test")]
    _test: Value,
    #[serde(rename = "interval")]
    _interval: Option<NameText>,
    #[serde(rename = "timeout")]
    _timeout: Option<NameText>,
    #[serde(rename = "retries")]
    _retries: Option<NameText>,
    #[serde(rename = "start_period")]
    _start_period: Option<NameText>,
    #[serde(rename = "start_interval")]
    _start_interval: Option<NameText>,
    disable: bool,
}

/// Says that a health check changes nothing.
pub(crate) fn note_healthcheck(name: &str, check: &Healthcheck, place: &Place, sink: &mut Sink) {
    if !check.disable {
        let message = format!("the health of `{name}` is a status: it moves no traffic and restarts nothing");
        sink.report(HEALTHCHECK, &place.key(), message);
    }
}

/// The names of the networks that a service is in, which the file must declare.
pub(crate) fn attached(
    networks: &Networks,
    declared: &Dict<Option<NetworkSpec>>,
    place: &Place,
    sink: &mut Sink,
) -> Vec<String> {
    let mut names = Vec::new();
    for (name, segment, _) in &networks.0 {
        if name != DEFAULT && !declared.0.contains_key(name) {
            let help = did_you_mean(name, declared.0.keys().map(String::as_str));
            sink.help(BAD_VALUE, &place.at(segment), format!("`{name}` is no network of this file"), &help);
        }
        names.push(name.clone());
    }
    if names.is_empty() {
        names.push(DEFAULT.to_owned());
    }
    names
}

/// The further names that a service has in its networks.
pub(crate) fn aliases(networks: &Networks) -> impl Iterator<Item = &str> {
    networks.0.iter().flat_map(|(_, _, attachment)| attachment.aliases.iter().map(|(_, alias)| alias.0.as_str()))
}
