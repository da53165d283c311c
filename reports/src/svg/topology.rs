//! Zones, racks, nodes and pods with their addresses, and the state each is in at a time. Every node and pod carries all its
//! states, so that a page can show another time.

use std::fmt::Write as _;

use super::axis::length;
use super::canvas::{Canvas, fit};
use super::{WIDTH, drawn};
use crate::report::{Report, human_duration};
use crate::series::{Cluster, NodeStory, Pictures, PodStory, State, state_at};

/// Up to so many nodes and pods are drawn with names and addresses.
const DETAILED_NODES: usize = 12;
const DETAILED_PODS: usize = 60;
const GAP: f64 = 8.0;

/// The drawing, at the first fault or else at the end of the run.
pub(super) fn draw(report: &Report) -> Option<Canvas> {
    let drawn = drawn(report);
    if drawn.is_empty() {
        return None;
    }
    let time = telling_time(&drawn.iter().map(|(_, pictures)| *pictures).collect::<Vec<_>>());
    let mut canvas = Canvas::new(WIDTH);
    let mut y = 0.0;
    for (run, pictures) in &drawn {
        canvas.text("head", 8.0, y + 18.0, &fit(&run.arm, 40));
        let shown = format!("{}, at {}", run.model, human_duration(time));
        canvas.text("soft end at-time", WIDTH - 8.0, y + 18.0, &shown);
        y = Layout::new(&pictures.cluster, time).draw(&mut canvas, y + 28.0);
        y = left_out(&mut canvas, y, &pictures.cluster);
    }
    y = legend(&mut canvas, y + 6.0);
    canvas.reach(y);
    Some(canvas)
}

/// The time at which there is most to see: when the first fault has just begun.
pub(crate) fn telling_time(pictures: &[&Pictures]) -> u64 {
    let faults = pictures.iter().flat_map(|pictures| &pictures.marks).filter(|mark| !mark.is_action);
    let end = pictures.iter().map(|pictures| pictures.duration).max().unwrap_or(0);
    faults.map(|mark| mark.from).min().unwrap_or(end)
}

struct Layout<'a> {
    cluster: &'a Cluster,
    time: u64,
    detailed: bool,
    /// By node: its pods, each with its line in the node's box.
    pods: Vec<Vec<(usize, &'a PodStory)>>,
}

impl<'a> Layout<'a> {
    fn new(cluster: &'a Cluster, time: u64) -> Self {
        let detailed = cluster.nodes.len() <= DETAILED_NODES && cluster.pods.len() <= DETAILED_PODS;
        let mut pods: Vec<Vec<(usize, &PodStory)>> = vec![Vec::new(); cluster.nodes.len()];
        let mut free: Vec<Vec<u64>> = vec![Vec::new(); cluster.nodes.len()];
        for pod in &cluster.pods {
            // A line is used again once the pod that stood there is gone.
            let from = pod.states.first().map_or(0, |(at, _)| *at);
            let gone = pod.states.last().filter(|(_, state)| *state == State::Absent).map_or(u64::MAX, |(at, _)| *at);
            let lines = &mut free[pod.node];
            let line = lines.iter().position(|until| *until <= from).unwrap_or_else(|| {
                lines.push(0);
                lines.len() - 1
            });
            lines[line] = gone;
            pods[pod.node].push((line, pod));
        }
        Self { cluster, time, detailed, pods }
    }

    fn node_width(&self) -> f64 {
        if self.detailed { 214.0 } else { 106.0 }
    }

    fn node_height(&self, node: usize) -> f64 {
        let lines = self.pods[node].iter().map(|(line, _)| line + 1).max().unwrap_or(0);
        if self.detailed { 42.0 + 30.0 * length(lines) } else { 38.0 + 13.0 * length(lines.div_ceil(7)) }
    }

    /// Nodes that share zone and rack, in the order of the first one.
    fn frames(&self) -> Vec<(String, Vec<usize>)> {
        let mut frames: Vec<(String, Vec<usize>)> = Vec::new();
        for (place, node) in self.cluster.nodes.iter().enumerate() {
            let title = frame_title(node);
            match frames.iter_mut().find(|(known, _)| *known == title) {
                Some((_, nodes)) => nodes.push(place),
                None => frames.push((title, vec![place])),
            }
        }
        frames
    }

    fn draw(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let (most, letters) = if self.detailed { (4, 30) } else { (8, 15) };
        let (mut x, mut y, mut high) = (8.0, top, 0.0_f64);
        for (title, nodes) in self.frames() {
            let across = nodes.len().min(most);
            let width = (self.node_width() + GAP) * length(across) + GAP;
            let rows: Vec<&[usize]> = nodes.chunks(across).collect();
            let heights: Vec<f64> = rows.iter().map(|row| self.row_height(row)).collect();
            let height = 22.0 + heights.iter().map(|height| height + GAP).sum::<f64>();
            if x > 8.0 && x + width > WIDTH - 8.0 + GAP {
                (x, y, high) = (8.0, y + high + GAP, 0.0);
            }
            canvas.rect("frame", [x, y, width, height], " rx=\"6\"");
            canvas.text("soft", x + GAP, y + 15.0, &fit(&title, letters * across));
            let mut row_top = y + 22.0;
            for (row, row_height) in rows.iter().zip(heights) {
                for (column, node) in row.iter().enumerate() {
                    let left = x + GAP + (self.node_width() + GAP) * length(column);
                    self.node(canvas, *node, (left, row_top));
                }
                row_top += row_height + GAP;
            }
            x += width + GAP;
            high = high.max(height);
        }
        y + high + 14.0
    }

    fn row_height(&self, row: &[usize]) -> f64 {
        row.iter().map(|node| self.node_height(*node)).fold(0.0, f64::max)
    }

    fn node(&self, canvas: &mut Canvas, place: usize, (x, y): (f64, f64)) {
        let Some(node) = self.cluster.nodes.get(place) else { return };
        let (width, height) = (self.node_width(), self.node_height(place));
        open(canvas, "node", &node.states, self.time);
        canvas.told_rect("box", [x, y, width, height], &describe_node(node));
        let state = state_at(&node.states, self.time);
        canvas.text("name", x + 7.0, y + 16.0, &fit(&node.name, if self.detailed { 20 } else { 14 }));
        if self.detailed {
            canvas.text("st end", x + width - 7.0, y + 16.0, node_word(state));
            canvas.text("num", x + 7.0, y + 31.0, &addresses(node));
        } else {
            canvas.text("st", x + 7.0, y + 29.0, node_word(state));
        }
        canvas.close();
        for (line, pod) in &self.pods[place] {
            if self.detailed {
                self.pod(canvas, pod, node, (x, y + 42.0 + 30.0 * length(*line)));
            } else {
                let (column, row) = (line % 7, line / 7);
                let at = [x + 7.0 + 13.5 * length(column), y + 36.0 + 13.0 * length(row), 10.0, 10.0];
                open(canvas, "pod", &pod.states, self.time);
                canvas.told_rect("mark", at, &describe_pod(pod, node));
                canvas.close();
            }
        }
    }

    fn pod(&self, canvas: &mut Canvas, pod: &PodStory, node: &NodeStory, (x, y): (f64, f64)) {
        open(canvas, "pod", &pod.states, self.time);
        canvas.told_rect("mark", [x + 8.0, y + 2.0, 10.0, 10.0], &describe_pod(pod, node));
        canvas.text("label", x + 24.0, y + 11.0, &fit(&pod.name, 20));
        canvas.text("st end", x + self.node_width() - 7.0, y + 11.0, state_at(&pod.states, self.time).word());
        canvas.text("num", x + 24.0, y + 24.0, &fit(&reached_at(pod, ""), 29));
        canvas.close();
    }
}

fn frame_title(node: &NodeStory) -> String {
    let mut title = if node.role == "worker" { String::new() } else { node.role.clone() };
    if !node.zone.is_empty() {
        let _ = write!(title, "{}zone {}", if title.is_empty() { "" } else { ", " }, node.zone);
    }
    if !node.rack.is_empty() {
        let _ = write!(title, "{}{}", if title.is_empty() { "" } else { ", " }, node.rack);
    }
    title
}

/// The word of a node's state; a ready one needs none.
fn node_word(state: State) -> &'static str {
    match state {
        State::Ready | State::Absent | State::Pending => "",
        State::NotReady => "NotReady",
        State::Leaving => "cordoned",
        State::Hung | State::Dead => state.word(),
    }
}

fn addresses(node: &NodeStory) -> String {
    let parts = [&node.address, &node.subnet].into_iter().filter(|part| !part.is_empty()).cloned();
    fit(&parts.collect::<Vec<_>>().join(", "), 34)
}

/// Where clients reach a pod: its own address, or the port of its `host` that leads to it.
fn reached_at(pod: &PodStory, host: &str) -> String {
    match pod.published.as_slice() {
        [] => pod.address.clone(),
        [.., (host_port, port)] => format!("{host}:{host_port} \u{2192} {}:{port}", pod.address),
    }
}

fn describe_node(node: &NodeStory) -> String {
    format!("{} {}: {}", node.name, addresses(node), history(&node.states, node_history_word))
}

fn node_history_word(state: State) -> &'static str {
    if state == State::Ready { "up" } else { node_word(state) }
}

fn describe_pod(pod: &PodStory, node: &NodeStory) -> String {
    format!("{} on {}, {}: {}", pod.name, node.name, reached_at(pod, &node.address), history(&pod.states, State::word))
}

/// The first few states with their times.
fn history(states: &[(u64, State)], word: impl Fn(State) -> &'static str) -> String {
    let mut told: Vec<String> =
        states.iter().take(6).map(|(at, state)| format!("{} from {}", word(*state), human_duration(*at))).collect();
    if states.len() > told.len() {
        told.push(format!("{} more", states.len() - told.len()));
    }
    told.join(", ")
}

/// A group that carries its states: `MILLISECONDS` and a letter each.
fn open(canvas: &mut Canvas, class: &str, states: &[(u64, State)], time: u64) {
    let mut all = String::new();
    for (place, (at, state)) in states.iter().enumerate() {
        let _ = write!(all, "{}{}{}", if place > 0 { " " } else { "" }, at.div_ceil(1_000_000), state.letter());
    }
    canvas.open(&format!("class=\"{class} s-{}\" data-s=\"{all}\"", state_at(states, time).letter()));
}

fn left_out(canvas: &mut Canvas, y: f64, cluster: &Cluster) -> f64 {
    if cluster.nodes_left_out == 0 && cluster.pods_left_out == 0 {
        return y;
    }
    let words = format!(
        "not drawn: {} nodes and {} pods to which nothing happened, or that found no node",
        cluster.nodes_left_out, cluster.pods_left_out
    );
    canvas.text("soft", 8.0, y + 6.0, &words);
    y + 18.0
}

fn legend(canvas: &mut Canvas, y: f64) -> f64 {
    let shown = State::ALL.into_iter().filter(|state| *state != State::Absent);
    let mut x = 8.0;
    for state in shown {
        canvas.open(&format!("class=\"pod s-{}\"", state.letter()));
        canvas.rect("mark", [x, y, 10.0, 10.0], "");
        canvas.text("", x + 16.0, y + 9.5, state.word());
        canvas.close();
        x += 96.0;
    }
    y + 20.0
}
