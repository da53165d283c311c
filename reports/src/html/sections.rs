//! The parts of the page in order: the text report's tables, and drawings between them.

use std::fmt::Write as _;

use super::{compare, failures};
use crate::report::table::Table;
use crate::report::{Report, Section, sections};
use crate::series::{Pictures, PodStory};
use crate::svg::{self, drawn, escape, sparkline};

/// A part of the page.
pub(super) struct Part {
    /// What links to it lead to.
    pub(super) id: String,
    /// Its heading.
    pub(super) title: String,
    /// Its markup, every text in it escaped.
    pub(super) body: String,
}

/// All parts that have something to say.
pub(super) fn parts(report: &Report) -> Vec<Part> {
    let mut tables = sections(report);
    let mut take = |wanted: &[&str]| -> Vec<Section> {
        tables.extract_if(.., |(name, _)| wanted.contains(name)).map(|(_, section)| section).collect()
    };
    let compared: Vec<Section> = compare::side_by_side(report).into_iter().chain(take(&["requests"])).collect();
    let mut parts = vec![
        tables_part("compare", "Side by side", &compared),
        tables_part("settings", "Settings that differ", &take(&["settings"])),
        tables_part("expectations", "Expectations", &take(&["expectations"])),
        scrubbed(report, &take(&["outages", "unfinished-actions"])),
        pictured(report, "latency", "Latency", &take(&["latency"])),
        pictured(report, "balance", "Load of instances", &take(&["load", "called-load"])),
        pictured(report, "callgraph", "Call graph", &take(&["calls", "critical-path"])),
        addresses(report, &take(&["addressing"])),
        usage(report),
        failures::part(report),
        tables_part("runs", "Runs and seeds", &take(&["arms-over-seeds", "over-seeds", "runs"])),
    ];
    let rest: Vec<Section> = tables.into_iter().map(|(_, section)| section).collect();
    parts.push(tables_part("more", "More", &rest));
    parts.retain(|part| !part.body.is_empty());
    parts
}

fn tables_part(id: &str, title: &str, sections: &[Section]) -> Part {
    let mut body = String::new();
    for section in sections {
        section_markup(&mut body, section, title, sections.len() > 1);
    }
    Part { id: id.to_owned(), title: title.to_owned(), body }
}

/// A drawing, then the tables behind it.
fn pictured(report: &Report, id: &str, title: &str, sections: &[Section]) -> Part {
    let mut part = tables_part(id, title, sections);
    if let Some(drawing) = svg::drawing(id).and_then(|drawing| drawing.inline(report)) {
        part.body = format!("{}{}", figure(&drawing), part.body);
    }
    part
}

/// A drawing in a frame that scrolls where the page is narrower.
fn figure(drawing: &str) -> String {
    format!(
        "<div class=\"figure\" tabindex=\"0\" role=\"group\" aria-label=\"drawing, scrolls sideways\">\n{drawing}</div>\n"
    )
}

/// The timeline and the topology, with the control that chooses a time for both.
fn scrubbed(report: &Report, sections: &[Section]) -> Part {
    let mut body = String::new();
    let inline = |name: &str| svg::drawing(name).and_then(|drawing| drawing.inline(report));
    let pictures: Vec<&Pictures> = drawn(report).into_iter().map(|(_, pictures)| pictures).collect();
    if let Some(timeline) = inline("timeline") {
        body.push_str(&figure(&timeline));
        let end = pictures.iter().map(|pictures| pictures.duration).max().unwrap_or(0) / 1_000_000;
        let at = svg::telling_time(&pictures) / 1_000_000;
        let mut stops: Vec<u64> =
            pictures.iter().flat_map(|pictures| &pictures.marks).map(|mark| mark.from.div_ceil(1_000_000)).collect();
        stops.sort_unstable();
        stops.dedup();
        let stops: Vec<String> = stops.iter().map(ToString::to_string).collect();
        let _ = write!(
            body,
            "<div class=\"scrub\" hidden><label for=\"time\">Time</label> <output id=\"clock\" for=\"time\"></output>\
             <button type=\"button\" id=\"play\" aria-pressed=\"false\">Play</button>\
             <button type=\"button\" id=\"back\" aria-label=\"Event before\">\u{25c0} event</button>\
             <button type=\"button\" id=\"on\" aria-label=\"Next event\">event \u{25b6}</button>\
             <input type=\"range\" id=\"time\" min=\"0\" max=\"{end}\" step=\"1\" value=\"{at}\" data-stops=\"{}\"></div>\n<ul id=\"readout\" class=\"readout\" hidden></ul>\n",
            stops.join(" ")
        );
    }
    if let Some(topology) = inline("topology") {
        body.push_str("<h3 id=\"topology\">Topology at that time</h3>\n");
        body.push_str(&figure(&topology));
    }
    for section in sections {
        section_markup(&mut body, section, "", true);
    }
    Part { id: "timeline".to_owned(), title: "What happened when".to_owned(), body }
}

fn section_markup(body: &mut String, section: &Section, title: &str, with_heading: bool) {
    if with_heading && section.title != title {
        let _ = writeln!(body, "<h3>{}</h3>", escape(&section.title));
    }
    if !section.table.is_empty() {
        table_markup(body, &section.table, &section.title);
    }
    if section.notes.is_empty() {
        return;
    }
    body.push_str(if section.notes.len() > 12 { "<ul class=\"notes long\">\n" } else { "<ul class=\"notes\">\n" });
    for note in &section.notes {
        let class = if note.starts_with(' ') { " class=\"sub\"" } else { "" };
        let _ = writeln!(body, "<li{class}><bdi>{}</bdi></li>", escape(note.trim_start()));
    }
    body.push_str("</ul>\n");
}

/// A table; a column of numbers is set to the right, and what failed is marked.
fn table_markup(body: &mut String, table: &Table, caption: &str) {
    let _ = write!(
        body,
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"{}\"><table>\n<thead><tr>",
        escape(caption)
    );
    let titles: Vec<(&str, bool)> = table.titles().collect();
    for (title, is_number) in &titles {
        let class = if *is_number { " class=\"n\"" } else { "" };
        let _ = write!(body, "<th scope=\"col\"{class}>{}</th>", escape(title));
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for row in table.rows() {
        let failed = row.first().is_some_and(|cell| cell == "FAILED");
        body.push_str(if failed { "<tr class=\"fail\">" } else { "<tr>" });
        for (cell, (_, is_number)) in row.iter().zip(&titles) {
            let class = if *is_number { " class=\"n\"" } else { "" };
            let _ = write!(body, "<td{class}><bdi>{}</bdi></td>", escape(cell));
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody>\n</table></div>\n");
}

/// Pods in the table of addresses, of each arm.
const MOST_ADDRESSES: usize = 60;

/// What addressing cost, and under which addresses each pod was reached.
fn addresses(report: &Report, sections: &[Section]) -> Part {
    let mut part = tables_part("addresses", "Ports and addresses", sections);
    let mut table = Table::new(&["ARM", "POD", "NODE", "POD ADDRESS", "REACHED AT"]);
    let mut left_out = 0;
    for (run, pictures) in drawn(report) {
        let cluster = &pictures.cluster;
        left_out += cluster.pods_left_out + cluster.pods.len().saturating_sub(MOST_ADDRESSES);
        for pod in cluster.pods.iter().take(MOST_ADDRESSES) {
            let Some(node) = cluster.nodes.get(pod.node) else { continue };
            let reached = reached_at(pod, &node.address);
            table.row(vec![run.arm.clone(), pod.name.clone(), node.name.clone(), pod.address.clone(), reached]);
        }
    }
    if !table.is_empty() {
        let mut section = Section::new("Port plan and pod addresses", table);
        if left_out > 0 {
            section.notes.push(format!("and {left_out} more pods"));
        }
        part.body.push_str("<details><summary>Port plan and pod addresses</summary>\n");
        section_markup(&mut part.body, &section, "Port plan and pod addresses", true);
        part.body.push_str("</details>\n");
    }
    part
}

/// Each published port as `HOST:PORT -> PORT`, or the pod's own address where none is published.
fn reached_at(pod: &PodStory, host: &str) -> String {
    if pod.published.is_empty() {
        return pod.address.clone();
    }
    let ports = pod.published.iter().map(|(host_port, port)| format!("{host}:{host_port} \u{2192} {port}"));
    let ports: Vec<String> = ports.collect();
    let more = if ports.len() > 3 { format!(" and {} before", ports.len() - 3) } else { String::new() };
    format!("{}{more}", ports[ports.len().saturating_sub(3)..].join(", "))
}

/// What the tables of nodes held.
fn usage(report: &Report) -> Part {
    let mut body = String::new();
    for (run, pictures) in drawn(report) {
        for node in &pictures.usage.nodes {
            let conntrack = match (node.conntrack, node.full) {
                (None, 0) => "no limit".to_owned(),
                (None, full) => format!("full {full} times"),
                (Some(most), 0) => most.to_string(),
                (Some(most), full) => format!("{most}, full {full} times"),
            };
            let _ = writeln!(
                body,
                "<tr><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td>{}</td><td class=\"n\">{conntrack}</td></tr>",
                escape(&run.arm),
                escape(&node.node),
                node.host_ports,
                node.open_most,
                sparkline(&node.open)
            );
        }
        if pictures.usage.left_out > 0 {
            let more = pictures.usage.left_out;
            let _ = writeln!(
                body,
                "<tr><td><bdi>{}</bdi></td><td colspan=\"5\">and {more} more nodes</td></tr>",
                escape(&run.arm)
            );
        }
    }
    if !body.is_empty() {
        body = format!(
            "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Ports and conntrack of each node\"><table>\n<thead><tr>\
             <th scope=\"col\">ARM</th><th scope=\"col\">NODE</th><th scope=\"col\" class=\"n\">HOST PORTS, MOST</th>\
             <th scope=\"col\" class=\"n\">CLIENT PORTS, MOST</th><th scope=\"col\">OVER TIME</th>\
             <th scope=\"col\" class=\"n\">CONNTRACK, MOST</th></tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n\
             <ul class=\"notes\"><li>CLIENT PORTS are those of connections that clients on the node have open; sockets in \
             TIME_WAIT are not in it.</li></ul>\n"
        );
    }
    Part { id: "usage".to_owned(), title: "Ports and conntrack of nodes".to_owned(), body }
}
