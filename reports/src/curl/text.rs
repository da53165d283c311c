//! A connection for people: one line per hop, 80 columns wide.

use std::net::SocketAddr;

use sim_core::kernel::time::SimDuration;
use sim_core::model::settings::AddressModelKind;
use sim_core::trace::words::{AddressPart, ChoiceRule, Outcome, TranslationRule};

use super::hops::{Candidate, Connection, Hop, Step, Syn};
use super::lookup::Lookup;

/// The widest line, where its words allow.
const WIDTH: usize = 80;
/// So many candidates are listed; programs get all of them.
const LISTED: usize = 8;

pub(super) fn render(connection: &Connection) -> String {
    let mut page = Page::new(connection);
    let Connection { from, to, arm, model, at, .. } = connection;
    page.text = format!("{from} -> {to}\narm {arm} ({model}), {} after the start\n\n", time(*at));
    for hop in &connection.hops {
        page.hop(hop);
    }
    page.text.push('\n');
    page.summary(connection);
    page.text
}

fn time(ns: u64) -> String {
    SimDuration::from_nanos(ns).to_string()
}

/// The text so far, and the widths of its columns.
struct Page<'a> {
    text: String,
    connection: &'a Connection,
    /// Columns before what a hop says.
    places: usize,
    last: Option<(u64, &'a str)>,
}

/// Columns of a hop's time, with the space after it.
const TIMES: usize = 13;

impl<'a> Page<'a> {
    fn new(connection: &'a Connection) -> Self {
        let places = connection.hops.iter().map(|hop| hop.node.chars().count()).max().unwrap_or(0) + 2;
        Self { text: String::new(), connection, places, last: None }
    }

    fn hop(&mut self, hop: &'a Hop) {
        for line in says(hop, self.connection) {
            let now = (hop.at, hop.node.as_str());
            let (at, place) = if self.last == Some(now) { (String::new(), "") } else { (time(hop.at), now.1) };
            self.last = Some(now);
            let head = format!("{at:<TIMES$}{place:<width$}", width = self.places);
            self.wrapped(&head, &line);
        }
    }

    /// A line after a head; what is too long goes on below, two columns in.
    fn wrapped(&mut self, head: &str, line: &str) {
        let margin = head.chars().count();
        let mut out = head.to_owned();
        let mut used = margin;
        let own = line.len() - line.trim_start().len();
        out.push_str(&" ".repeat(own));
        used += own;
        for (index, word) in line.split_whitespace().enumerate() {
            let length = word.chars().count();
            if index > 0 && used + 1 + length > WIDTH {
                self.text.push_str(out.trim_end());
                self.text.push('\n');
                out = " ".repeat(margin + own + 2);
                used = margin + own + 2;
            } else if index > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += length;
        }
        self.text.push_str(out.trim_end());
        self.text.push('\n');
    }

    fn summary(&mut self, connection: &Connection) {
        if let Some([own, peer]) = connection.client_sees {
            self.wrapped("client sees  ", &format!("{own} -> {peer}"));
        }
        if let Some([peer, own]) = connection.server_sees {
            self.wrapped("server sees  ", &format!("{peer} -> {own}"));
        }
        let counts: Vec<String> = connection.conntrack.iter().map(|node| node.entries.to_string()).collect();
        let nodes: Vec<&str> = connection.conntrack.iter().map(|node| node.node.as_str()).collect();
        let state = if connection.server_sees.is_none() { ", SYN_SENT" } else { "" };
        let entries = match counts.as_slice() {
            [] => "0".to_owned(),
            counts => format!("{} ({}){state}", counts.join("+"), nodes.join(", ")),
        };
        self.wrapped("conntrack    ", &entries);
        let mut result = match connection.took {
            Some(took) => format!("{} after {}", ending(connection.outcome), time(took)),
            None => "has not ended".to_owned(),
        };
        if let Some(because) = connection.because.as_ref().filter(|_| connection.outcome != Outcome::Ok.word()) {
            result = format!("{result}: {because}");
        }
        self.wrapped("result       ", &result);
        if let Some(pod) = &connection.wrong_pod {
            self.wrapped("             ", &format!("but {pod} answered: the address means another pod here"));
        }
    }
}

/// An outcome with what libc says for it.
fn ending(outcome: &'static str) -> String {
    let said = match Outcome::from_word(outcome) {
        Some(Outcome::ConnectionRefused) => "Connection refused",
        Some(Outcome::HostUnreachable) => "No route to host",
        Some(Outcome::NetworkUnreachable) => "Network is unreachable",
        Some(Outcome::TimedOut) => "Connection timed out",
        Some(Outcome::ConnectionReset) => "Connection reset by peer",
        Some(Outcome::AddressNotAvailable) => "Cannot assign requested address",
        Some(Outcome::DnsError) => "NXDOMAIN",
        Some(Outcome::ConnectTimeout) => "the client's own limit on connecting",
        Some(Outcome::RequestTimeout) => "the client's own limit on the request",
        Some(Outcome::NoAddress) => "the client knows no address to dial",
        Some(Outcome::ServerError) => "the server, or whom it called, failed",
        Some(Outcome::EndOfFile) => "the server closed before it had answered",
        Some(Outcome::Ok | Outcome::NoClient | Outcome::WrongService | Outcome::CircuitOpen) | None => {
            return outcome.to_owned();
        }
    };
    format!("{outcome} ({said})")
}

fn says(hop: &Hop, connection: &Connection) -> Vec<String> {
    let with = |text: String, because: &Option<String>| match because {
        Some(because) => format!("{text}: {because}"),
        None => text,
    };
    match &hop.step {
        Step::Lookup(lookup) => looked_up(lookup),
        Step::Dial { source: Some(source), destination } => vec![format!("socket {source} -> {destination}")],
        Step::Dial { source: None, destination } => vec![format!("dials {destination}"), no_socket(connection)],
        Step::Choice { rule, index, candidates } => chosen(rule, *index, candidates),
        Step::Translation { rule, part, from, to } => translated(rule, part, *from, *to),
        Step::Arrival { links } if links.is_empty() => vec!["SYN arrives".to_owned()],
        Step::Arrival { links } => vec![format!("SYN arrives over {}", links.join(", "))],
        Step::Syns { syns, because } => vec![with(sent(syns), because)],
        Step::Arp { address } => {
            vec![format!("ARP: who has {address}? 3 probes, 1s apart, no answer; no SYN leaves")]
        }
        Step::Answer { segment } => vec![format!("answers {segment}")],
        Step::Connected => vec!["SYN-ACK is back: connected".to_owned()],
        Step::Accepted { pod, queued: 0 } => vec![format!("accept queue: taken at once by {pod}")],
        Step::Accepted { pod, queued } => vec![format!("accept queue: taken after {} by {pod}", time(*queued))],
        Step::Lost { segment, reason, because } => vec![with(format!("{segment} lost ({reason})"), because)],
        Step::Response { pod } => vec![format!("{pod} answers")],
    }
}

/// Why the client's own kernel made no socket.
fn no_socket(connection: &Connection) -> String {
    let text = match Outcome::from_word(connection.outcome) {
        Some(Outcome::NetworkUnreachable) => "no rule and no route leads there",
        Some(Outcome::ConnectionRefused) if connection.model == AddressModelKind::FlatPodIp.name() => {
            "kube-proxy: nothing to send it to, REJECT with icmp-port-unreachable (a blocking connect() hears it after 1s)"
        }
        _ => "no SYN leaves",
    };
    text.to_owned()
}

fn looked_up(lookup: &Lookup) -> Vec<String> {
    match lookup {
        Lookup::ClusterDns { queries } => {
            let answer = |query: &super::lookup::Query| match query.answer {
                Some(address) => format!("DNS {}: {address}", query.name),
                None => format!("DNS {}: NXDOMAIN", query.name),
            };
            queries.iter().map(answer).collect()
        }
        Lookup::Unknown { name } => {
            vec![format!("DNS {name}: NXDOMAIN; only a pod's resolv.conf leads to the cluster's DNS")]
        }
        Lookup::OwnList { discovery } => {
            vec![format!("no look-up: the client holds addresses (discovery: {discovery})")]
        }
    }
}

fn chosen(rule: &str, index: u32, candidates: &[Candidate]) -> Vec<String> {
    let (n, i) = (candidates.len(), index as usize);
    let left = n.saturating_sub(i);
    let what = match ChoiceRule::from_word(rule) {
        Some(ChoiceRule::IptablesStatistic) if n == 1 => "KUBE-SVC: the only endpoint".to_owned(),
        Some(ChoiceRule::IptablesStatistic) if left <= 1 => format!("KUBE-SVC rule {n} of {n}: takes the rest"),
        Some(ChoiceRule::IptablesStatistic) => {
            #[allow(clippy::cast_precision_loss)] // printed as kube-proxy prints it (C.2)
            let probability = 1.0 / left as f64;
            format!("KUBE-SVC rule {} of {n}: statistic --probability {probability:.10}", i + 1)
        }
        Some(ChoiceRule::NftablesNumgen) => format!("nftables: numgen random mod {n} = {i}"),
        Some(ChoiceRule::Ipvs) => format!("ipvs: the virtual server takes destination {} of {n}", i + 1),
        Some(ChoiceRule::ClientList) => format!("the client takes entry {} of {n} of its list", i + 1),
        Some(ChoiceRule::Affinity) => format!("sessionAffinity: the node remembers this client at {} of {n}", i + 1),
        Some(ChoiceRule::Algorithm) | None => format!("the Service's algorithm takes {} of {n}", i + 1),
    };
    let mut lines = vec![what];
    // A long list is shown around the one that was chosen.
    let first = i.saturating_sub(LISTED / 2).min(n.saturating_sub(LISTED));
    for candidate in candidates.iter().skip(first).take(LISTED) {
        let mark = if candidate.chosen { '*' } else { '-' };
        let node = candidate.node.as_ref().map(|node| format!(" ({node})")).unwrap_or_default();
        lines.push(format!("  {mark} {} {}{node}", candidate.address, candidate.pod));
    }
    if n > LISTED {
        lines.push(format!("  and {} more", n - LISTED));
    }
    lines
}

fn translated(rule: &str, part: &str, from: SocketAddr, to: SocketAddr) -> Vec<String> {
    let source = AddressPart::from_word(part) == Some(AddressPart::Source);
    let side = if source { "SNAT" } else { "DNAT" };
    let port = if from.port() == to.port() { "port kept" } else { "random port" };
    let text = match TranslationRule::from_word(rule) {
        Some(TranslationRule::ServiceDnat) => format!("{side} to {to} (kube-proxy)"),
        Some(TranslationRule::ServiceMasquerade) => format!("{side} to {to} (kube-proxy, {port})"),
        Some(TranslationRule::PodMasquerade) => format!("{side} to {to} (pod network, {port})"),
        Some(TranslationRule::DockerDnat) => format!("{side} to {to} (docker)"),
        Some(TranslationRule::DockerMasquerade) => format!("{side} to {to} (docker, {port})"),
        Some(TranslationRule::DockerProxy) if source => format!("docker-proxy accepts, and dials from {to}"),
        Some(TranslationRule::DockerProxy) => format!("docker-proxy dials {to}"),
        None => format!("{side} to {to} ({rule})"),
    };
    vec![text]
}

fn sent(syns: &[Syn]) -> String {
    let times: Vec<String> = syns.iter().map(|syn| time(syn.at)).collect();
    let mut reasons: Vec<&str> = syns.iter().filter_map(|syn| syn.dropped).collect();
    let count = reasons.len();
    reasons.dedup();
    let lost = match (count, reasons.join(", ")) {
        (0, _) => String::new(),
        (count, reasons) if count == syns.len() => format!(", dropped ({reasons})"),
        (count, reasons) => format!(", {count} of {} dropped ({reasons})", syns.len()),
    };
    format!("SYN at {}{lost}", times.join(" "))
}
