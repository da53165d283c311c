//! The table of failed requests: a few of each kind with their explanation, what is left out counted, and controls that
//! narrow it down.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::MOST_FAILED;
use super::sections::Part;
use crate::explain::Step;
use crate::report::{Report, human_count, human_duration, instant};
use crate::series::{FailedRequest, FailureGroup};
use crate::svg::{drawn, escape};

/// Chains that are told once and shared by the requests that they explain.
#[derive(Default)]
struct Causes<'a> {
    numbers: BTreeMap<&'a [Step], usize>,
    told: Vec<&'a [Step]>,
}

impl<'a> Causes<'a> {
    /// The number of a chain, from 1.
    fn number(&mut self, chain: &'a [Step]) -> usize {
        *self.numbers.entry(chain).or_insert_with(|| {
            self.told.push(chain);
            self.told.len()
        })
    }
}

/// The part of the page; empty when nothing failed.
pub(super) fn part(report: &Report) -> Part {
    let mut body = String::new();
    let mut causes = Causes::default();
    let (mut shown, mut all) = (0, 0);
    let (mut arms, mut outcomes) = (BTreeSet::new(), BTreeSet::new());
    let mut rows = String::new();
    for (run, pictures) in drawn(report) {
        all += pictures.failures.count();
        for group in &pictures.failures.groups {
            for request in group.requests.iter().take(MOST_FAILED - shown) {
                row(&mut rows, &run.arm, group, request, &mut causes);
                shown += 1;
                arms.insert(run.arm.as_str());
                outcomes.insert(group.outcome);
            }
        }
    }
    if all > 0 {
        groups(&mut body, report);
        told_causes(&mut body, &causes);
        controls(&mut body, &arms, &outcomes);
        let _ = write!(
            body,
            "<p id=\"shown\" aria-live=\"polite\">{} of {} failed requests are listed: of each kind the first, the last, the \
             slowest and an even sample.</p>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" \
             aria-label=\"Failed requests\"><table class=\"failed\" id=\"failed\">\n<thead><tr><th scope=\"col\">ARM</th>\
             <th scope=\"col\">REQUEST</th><th scope=\"col\" class=\"n\">ARRIVED</th><th scope=\"col\" class=\"n\">LASTED</th>\
             <th scope=\"col\">OUTCOME</th><th scope=\"col\">WHY</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
            human_count(shown as u64),
            human_count(all)
        );
    }
    Part { id: "failed-requests".to_owned(), title: "Failed requests".to_owned(), body }
}

/// How many failed in which way.
fn groups(body: &mut String, report: &Report) {
    body.push_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Kinds of failed requests\"><table>\n<thead><tr>\
         <th scope=\"col\">ARM</th><th scope=\"col\">TRAFFIC</th><th scope=\"col\">OUTCOME</th>\
         <th scope=\"col\">BEGAN WITH</th><th scope=\"col\" class=\"n\">FAILED</th><th scope=\"col\" class=\"n\">LISTED</th>\
         </tr></thead>\n<tbody>\n",
    );
    for (run, pictures) in drawn(report) {
        for group in &pictures.failures.groups {
            let root = if group.root.is_empty() { "the request itself" } else { &group.root };
            let texts = [&run.arm, &group.traffic, group.outcome, root]
                .map(|text| format!("<td><bdi>{}</bdi></td>", escape(text)));
            let (count, listed) = (human_count(group.count), group.requests.len());
            let _ =
                writeln!(body, "<tr>{}<td class=\"n\">{count}</td><td class=\"n\">{listed}</td></tr>", texts.concat());
        }
        if pictures.failures.beyond > 0 {
            let beyond = human_count(pictures.failures.beyond);
            let arm = escape(&run.arm);
            let _ = writeln!(
                body,
                "<tr><td><bdi>{arm}</bdi></td><td colspan=\"3\">of further kinds</td><td class=\"n\">{beyond}</td><td class=\"n\">0</td></tr>"
            );
        }
    }
    body.push_str("</tbody>\n</table></div>\n");
}

fn told_causes(body: &mut String, causes: &Causes<'_>) {
    body.push_str(
        "<details id=\"causes\"><summary>Causes, each from what decided it back to its root</summary>\n<ol>\n",
    );
    for (place, chain) in causes.told.iter().enumerate() {
        let _ = write!(body, "<li id=\"cause-{}\">", place + 1);
        for (link, step) in chain.iter().enumerate() {
            let arrow = if link > 0 { " <span aria-label=\"because\">\u{2190}</span> " } else { "" };
            let _ = write!(
                body,
                "{arrow}<span class=\"t\">{}</span> <bdi>{}</bdi>",
                instant(step.time),
                escape(&step.words)
            );
        }
        body.push_str("</li>\n");
    }
    body.push_str("</ol>\n</details>\n");
}

fn controls(body: &mut String, arms: &BTreeSet<&str>, outcomes: &BTreeSet<&str>) {
    body.push_str("<form class=\"filter\" hidden><label>Containing <input type=\"search\" id=\"f-text\" autocomplete=\"off\"></label>\n");
    for (id, label, values) in [("f-arm", "Arm", arms), ("f-outcome", "Outcome", outcomes)] {
        let _ = write!(body, "<label>{label} <select id=\"{id}\"><option value=\"\">all</option>");
        for value in values {
            let _ = write!(body, "<option>{}</option>", escape(value));
        }
        body.push_str("</select></label>\n");
    }
    body.push_str("</form>\n");
}

fn row<'a>(rows: &mut String, arm: &str, group: &FailureGroup, request: &'a FailedRequest, causes: &mut Causes<'a>) {
    let (arm, outcome) = (escape(arm), escape(group.outcome));
    let _ = write!(
        rows,
        "<tr><td><bdi>{arm}</bdi></td><td><bdi>{}</bdi> {}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{outcome}</td><td>",
        escape(&group.traffic),
        request.number,
        instant(request.arrival),
        human_duration(request.lasted)
    );
    let _ = write!(rows, "<bdi>{}</bdi>", escape(&request.client));
    for step in &request.story {
        let _ = write!(rows, "; <span class=\"t\">{}</span> <bdi>{}</bdi>", instant(step.time), escape(&step.words));
    }
    match request.why.first() {
        None => rows.push_str("; nothing of the cluster decided it"),
        Some(first) => {
            let number = causes.number(&request.why);
            let words = escape(&first.words);
            let _ = write!(rows, "; because <bdi>{words}</bdi> (<a href=\"#cause-{number}\">cause {number}</a>)");
        }
    }
    rows.push_str("</td></tr>\n");
}
