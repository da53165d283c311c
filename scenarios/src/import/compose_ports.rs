//! Compose's port syntax: short and long form, ranges, host addresses, protocols, variables with a default.

use std::ops::RangeInclusive;

use sim_core::model::application::{HostPort, Protocol, Publish};

use super::compose::LongPort;
use crate::diagnostics::codes::{BAD_VALUE, PARTLY_MODELLED, PORT_RANGE};
use crate::diagnostics::{Place, Sink};

/// One container port that is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) target: u16,
    pub(crate) host: HostPort,
    pub(crate) protocol: Protocol,
}

impl Mapping {
    pub(crate) fn publish(self) -> Publish {
        Publish { container_port: self.target, host_port: self.host, protocol: self.protocol }
    }
}

/// `[IP:][HOST:]CONTAINER[/PROTOCOL]`, each port perhaps a range.
pub(crate) fn short_port(text: &str, place: &Place, sink: &mut Sink) -> Vec<Mapping> {
    let Some(text) = substitute(text, place, sink) else { return Vec::new() };
    let (ports, protocol) = text.rsplit_once('/').unwrap_or((&text, "tcp"));
    let (before, target) = ports.rsplit_once(':').unwrap_or(("", ports));
    // What stands before the host port is an address, which may hold colons itself.
    let (address, host) = before.rsplit_once(':').unwrap_or(("", before));
    mappings(target, host, protocol, address, place, sink)
}

/// `{target, published, protocol, host_ip}`.
pub(crate) fn long_port(long: &LongPort, place: &Place, sink: &mut Sink) -> Vec<Mapping> {
    let Some(target) = &long.target else {
        sink.report(BAD_VALUE, place, "a port in the long form needs `target`");
        return Vec::new();
    };
    let published = long.published.as_ref().map(|text| text.0.as_str()).unwrap_or_default();
    let (target_text, host_text) = (substitute(&target.0, place, sink), substitute(published, place, sink));
    let (Some(target), Some(host)) = (target_text, host_text) else { return Vec::new() };
    let protocol = long.protocol.as_deref().unwrap_or("tcp");
    mappings(&target, &host, protocol, long.host_ip.as_deref().unwrap_or_default(), place, sink)
}

/// An entry of `expose`: `3000`, `3000-3002`, `53/udp`; ports of SCTP are left out.
pub(crate) fn expose(text: &str, place: &Place, sink: &mut Sink) -> Vec<(u16, Protocol)> {
    let Some(text) = substitute(text, place, sink) else { return Vec::new() };
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let carried = |protocol: &Protocol| *protocol != Protocol::Sctp;
    let Some(protocol) = read_protocol(protocol, place, sink).filter(carried) else { return Vec::new() };
    range(ports, place, sink).into_iter().flatten().map(|port| (port, protocol)).collect()
}

fn mappings(target: &str, host: &str, protocol: &str, address: &str, place: &Place, sink: &mut Sink) -> Vec<Mapping> {
    let Some(protocol) = read_protocol(protocol, place, sink) else { return Vec::new() };
    let Some(targets) = range(target, place, sink) else { return Vec::new() };
    if protocol == Protocol::Sctp {
        sink.report(PARTLY_MODELLED, place, "SCTP carries no traffic, so this port is not published");
    }
    if !matches!(address, "" | "0.0.0.0" | "[::]" | "::") {
        let message = format!("the host address {address} is not modelled: the port is published on all addresses");
        sink.report(PARTLY_MODELLED, place, message);
    }
    if host.is_empty() {
        return targets.map(|target| Mapping { target, host: HostPort::Dynamic, protocol }).collect();
    }
    let Some(hosts) = range(host, place, sink) else { return Vec::new() };
    if hosts.len() < targets.len() || (hosts.len() > targets.len() && targets.len() > 1) {
        let message = format!("{} host ports for {} container ports", hosts.len(), targets.len());
        sink.help(BAD_VALUE, place, message, "both ranges must be equally long");
        return Vec::new();
    }
    if hosts.len() > targets.len() {
        let message = "a range of host ports for one container port is read as its first port";
        sink.report(PARTLY_MODELLED, place, message);
    }
    targets.zip(hosts).map(|(target, host)| Mapping { target, host: HostPort::Fixed(host), protocol }).collect()
}

fn read_protocol(text: &str, place: &Place, sink: &mut Sink) -> Option<Protocol> {
    match text {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "sctp" => Some(Protocol::Sctp),
        other => {
            let message = format!("`{other}` is not a protocol");
            sink.help(BAD_VALUE, place, message, "known: tcp, udp, sctp");
            None
        }
    }
}

fn range(text: &str, place: &Place, sink: &mut Sink) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (Ok(first), Ok(last)) = (first.trim().parse::<i64>(), last.trim().parse::<i64>()) else {
        sink.report(BAD_VALUE, place, format!("`{text}` is not a port or a range of ports"));
        return None;
    };
    let valid = |port: i64| u16::try_from(port).ok().filter(|port| *port > 0);
    let (Some(first_port), Some(last_port)) = (valid(first), valid(last)) else {
        let wrong = if valid(first).is_none() { first } else { last };
        sink.help(PORT_RANGE, place, format!("{wrong} is no port"), "ports go from 1 to 65535");
        return None;
    };
    if first_port > last_port {
        sink.report(BAD_VALUE, place, format!("the range `{text}` ends before it starts"));
        return None;
    }
    Some(first_port..=last_port)
}

/// Replaces `${NAME:-default}` by its default; the environment is never read, so that a file means one thing.
fn substitute(text: &str, place: &Place, sink: &mut Sink) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let inner = after.split_once('}').and_then(|(inner, tail)| {
            let (_, default) = inner.split_once(":-").or_else(|| inner.split_once('-'))?;
            Some((default, tail))
        });
        let Some((default, tail)) = inner else {
            let message = format!("`{text}` asks for a variable that has no default");
            sink.help(BAD_VALUE, place, message, "no environment is read; write the port or `${NAME:-8080}`");
            return None;
        };
        out.push_str(before);
        out.push_str(default);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Source;
    use crate::yaml::SpanIndex;

    fn read(text: &str) -> (Vec<Mapping>, Vec<&'static str>) {
        let mut sink = Sink::default();
        let source = sink.add_source(Source { name: "c.yaml".to_owned(), text: String::new() }, SpanIndex::default());
        let mappings = short_port(text, &Place::document(source, 0), &mut sink);
        (mappings, sink.items.iter().map(|item| item.code).collect())
    }

    fn tcp(target: u16, host: HostPort) -> Mapping {
        Mapping { target, host, protocol: Protocol::Tcp }
    }

    #[test]
    fn every_short_form() {
        assert_eq!(read("80"), (vec![tcp(80, HostPort::Dynamic)], vec![]));
        assert_eq!(read("8080:80"), (vec![tcp(80, HostPort::Fixed(8_080))], vec![]));
        assert_eq!(read("127.0.0.1:8001:8002"), (vec![tcp(8_002, HostPort::Fixed(8_001))], vec!["W0203"]));
        assert_eq!(read("[::1]:8001:8002").0, vec![tcp(8_002, HostPort::Fixed(8_001))]);
        assert_eq!(read("127.0.0.1::8002").0, vec![tcp(8_002, HostPort::Dynamic)]);
        let three: Vec<Mapping> = (3_000..=3_002).map(|port| tcp(port, HostPort::Dynamic)).collect();
        assert_eq!(read("3000-3002"), (three, vec![]));
        let pair = vec![tcp(80, HostPort::Fixed(9_090)), tcp(81, HostPort::Fixed(9_091))];
        assert_eq!(read("9090-9091:80-81"), (pair, vec![]));
        assert_eq!(read("${PORT:-8080}:80"), (vec![tcp(80, HostPort::Fixed(8_080))], vec![]));
        assert_eq!(read("6060:6060/udp").0[0].protocol, Protocol::Udp);
    }

    #[test]
    fn every_wrong_form_has_its_code() {
        let cases =
            [("70000:80", "E0301"), ("0", "E0301"), ("web", "E0205"), ("${PORT}:80", "E0205"), ("1-2:80-82", "E0205")];
        for (text, code) in cases {
            assert_eq!(read(text), (vec![], vec![code]), "{text}");
        }
    }
}
