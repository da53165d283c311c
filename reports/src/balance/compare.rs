//! Several algorithms side by side, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::measure::Figures;
use super::plan::Plan;
use crate::report::table::Table;

/// Algorithms under one plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// What all were measured with.
    pub plan: Plan,
    /// The spread around the fair share that independent weighted draws would have.
    pub floor: f64,
    /// The figures, in the order asked for.
    pub algorithms: Vec<Figures>,
}

/// A figure, or a dash where there is none.
fn or_dash(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "-".to_owned())
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

impl Comparison {
    /// The figures under this plan.
    pub fn new(plan: Plan, algorithms: Vec<Figures>) -> Self {
        Self { floor: plan.floor(), plan, algorithms }
    }

    fn timed(&self) -> bool {
        self.algorithms.iter().any(|figures| figures.ns_per_pick.is_some())
    }

    fn has_drops(&self) -> bool {
        self.algorithms.iter().any(|figures| figures.dropped > 0)
    }

    /// The table for people, at most 100 columns wide.
    pub fn text(&self) -> String {
        let Plan { seed, backends, flows, concurrency, clients, destinations, .. } = self.plan;
        let mut out = format!("{backends} backends, {flows} flows, seed {seed}\n");
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "{clients} clients, {destinations} destinations, {concurrency} live connections; random draws: sd/fair {:.4}\n",
            self.floor
        );
        for line in self.table().lines() {
            let _ = writeln!(out, "{line}");
        }
        let notes = self.notes();
        if !notes.is_empty() {
            out.push('\n');
        }
        for note in notes {
            let _ = writeln!(out, "{note}");
        }
        out
    }

    fn table(&self) -> Table {
        let mut header = vec!["ALGORITHM", ">MAX/FAIR", ">JAIN", ">SD/FAIR", ">LIVE MAX"];
        header.extend(self.has_drops().then_some(">DROPPED"));
        if self.plan.remove.is_some() {
            header.extend([">MOVED", ">EXCESS"]);
        }
        header.push(">BYTES");
        header.extend(self.timed().then_some(">NS/PICK"));
        let mut table = Table::new(&header);
        for figures in &self.algorithms {
            let even = figures.flows;
            let mut row = vec![
                figures.algorithm.clone(),
                or_dash(even.map(|even| format!("{:.4}", even.max_to_fair))),
                or_dash(even.map(|even| format!("{:.4}", even.jain))),
                or_dash(even.map(|even| format!("{:.4}", even.sd_to_fair))),
                or_dash(figures.live_max_to_fair.map(|most| format!("{most:.2}"))),
            ];
            row.extend(self.has_drops().then(|| figures.dropped.to_string()));
            if self.plan.remove.is_some() {
                row.push(or_dash(figures.disruption.map(|of| percent(of.moved))));
                row.push(or_dash(figures.disruption.map(|of| percent(of.excess))));
            }
            row.push(figures.table_bytes.to_string());
            row.extend(self.timed().then(|| or_dash(figures.ns_per_pick.map(|ns| format!("{ns:.1}")))));
            table.row(row);
        }
        table
    }

    /// What a reader must know to read the columns right.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(victim) = self.plan.remove {
            let total = super::number(self.plan.total_weight());
            let share = percent(f64::from(self.plan.weight(victim)) / total);
            notes.push(format!(
                "MOVED: flows with another backend after backend {victim} went (its fair share is {share});"
            ));
            notes.push(
                "EXCESS: those of them that were not on it. A dash: picks depend on no key and no address.".into(),
            );
        }
        let unequal = self.plan.weights.iter().any(|weight| *weight != self.plan.weights[0]);
        let blind: Vec<&str> =
            self.algorithms.iter().filter(|it| !it.reads_weights).map(|it| it.algorithm.as_str()).collect();
        if unequal && !blind.is_empty() {
            notes.push(format!("No look at weights above 0: {}.", blind.join(", ")));
        }
        if self.timed() {
            notes.push(
                "NS/PICK: where picks depend on connections, with the end of one and the opening of another.".into(),
            );
        }
        notes
    }

    /// The figures for programs, indented, with a newline at the end.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
