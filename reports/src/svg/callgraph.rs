//! Who calls whom: sources at the left, each workload right of whoever calls it, with failures and latency on every edge.

use std::fmt::Write as _;

use super::axis::{length, number};
use super::canvas::{Canvas, fit, short};
use super::{WIDTH, drawn};
use crate::metrics::EdgeMetrics;
use crate::report::{Report, RunReport, human_count, human_duration, percent};
use crate::series::Pictures;

/// Edges that are drawn of an arm.
const MOST_EDGES: usize = 40;
const BOX: f64 = 150.0;
/// Room of an incoming edge at its box.
const SLOT: f64 = 30.0;
/// Room between boxes of one column.
const GAP: f64 = 16.0;
/// Least room from a column to the next.
const COLUMN: f64 = 320.0;
/// Before its end an edge runs straight for so long, with its numbers above and below.
const STRAIGHT: f64 = 84.0;

/// The drawing.
pub(super) fn draw(report: &Report) -> Option<Canvas> {
    let graphs: Vec<(&RunReport, Graph<'_>)> =
        drawn(report).into_iter().map(|(run, pictures)| (run, Graph::new(run, pictures))).collect();
    let columns = graphs.iter().map(|(_, graph)| graph.columns()).max()?;
    if graphs.iter().all(|(_, graph)| graph.edges.is_empty()) {
        return None;
    }
    let width = (COLUMN * length(columns.saturating_sub(1)) + BOX + 24.0).max(WIDTH);
    let mut canvas = Canvas::new(width);
    let mut y = 0.0;
    for (run, graph) in &graphs {
        canvas.text("head", 8.0, y + 18.0, &fit(&run.arm, 60));
        y = graph.draw(&mut canvas, y + 30.0, (width - BOX - 24.0) / length(columns.saturating_sub(1).max(1)));
    }
    canvas.reach(y);
    Some(canvas)
}

/// A box, and where it stands.
struct Place {
    name: String,
    is_source: bool,
    column: usize,
    incoming: usize,
    top: f64,
}

impl Place {
    fn height(&self) -> f64 {
        SLOT * length(self.incoming.max(1)) + 4.0
    }
}

struct Graph<'a> {
    places: Vec<Place>,
    /// Edge, place it starts from, place it leads to.
    edges: Vec<(&'a EdgeMetrics, usize, usize)>,
    left_out: usize,
}

impl<'a> Graph<'a> {
    fn new(run: &'a RunReport, pictures: &Pictures) -> Self {
        let mut graph = Self { places: Vec::new(), edges: Vec::new(), left_out: 0 };
        for (number, edge) in run.metrics.edges.iter().enumerate() {
            if graph.edges.len() == MOST_EDGES {
                graph.left_out += 1;
                continue;
            }
            let target = pictures.targets.get(number).filter(|target| !target.is_empty());
            let target = target.map_or(edge.to.as_str(), String::as_str);
            let is_source = edge.from == edge.name;
            let (from, to) = (graph.place(&edge.from, is_source), graph.place(target, false));
            graph.places[to].incoming += 1;
            graph.edges.push((edge, from, to));
        }
        graph.set_columns();
        graph.stack();
        graph
    }

    fn place(&mut self, name: &str, is_source: bool) -> usize {
        let known = self.places.iter().position(|place| place.name == name && place.is_source == is_source);
        known.unwrap_or_else(|| {
            self.places.push(Place { name: name.to_owned(), is_source, column: 0, incoming: 0, top: 0.0 });
            self.places.len() - 1
        })
    }

    /// Each box right of all that lead to it; a circle of calls ends where it closes.
    fn set_columns(&mut self) {
        for _ in 0..self.places.len() {
            let mut moved = false;
            for (_, from, to) in &self.edges {
                let wanted = self.places[*from].column + 1;
                if from != to && self.places[*to].column < wanted && wanted < self.places.len() {
                    self.places[*to].column = wanted;
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn stack(&mut self) {
        let mut tops = vec![0.0; self.columns()];
        for place in &mut self.places {
            place.top = tops[place.column];
            tops[place.column] += place.height() + GAP;
        }
    }

    fn columns(&self) -> usize {
        self.places.iter().map(|place| place.column + 1).max().unwrap_or(0)
    }

    fn draw(&self, canvas: &mut Canvas, top: f64, step: f64) -> f64 {
        let left = |place: &Place| 12.0 + step * length(place.column);
        let mut slots = vec![0_usize; self.places.len()];
        let mut ends = Vec::new();
        for (edge, from, to) in &self.edges {
            let (start, end) = (&self.places[*from], &self.places[*to]);
            let from_point = (left(start) + BOX, top + start.top + start.height() / 2.0);
            let to_point = (left(end), top + end.top + SLOT * length(slots[*to]) + SLOT / 2.0 + 2.0);
            slots[*to] += 1;
            line(canvas, edge, from_point, to_point);
            ends.push((*edge, to_point));
        }
        // Above all lines, so that none runs through a number.
        for (edge, point) in ends {
            numbers(canvas, edge, point);
        }
        for place in &self.places {
            let (x, y) = (left(place), top + place.top);
            canvas.rect(if place.is_source { "box source" } else { "box" }, [x, y, BOX, place.height()], " rx=\"4\"");
            canvas.text("mid", x + BOX / 2.0, y + place.height() / 2.0 + 4.0, &fit(short_name(&place.name), 22));
        }
        let bottom = self.places.iter().map(|place| place.top + place.height()).fold(0.0, f64::max);
        if self.left_out > 0 {
            canvas.text("soft", 12.0, top + bottom + 16.0, &format!("and {} more edges", self.left_out));
        }
        top + bottom + 26.0
    }
}

/// A Deployment's name without its kind, which is the usual one.
fn short_name(name: &str) -> &str {
    name.strip_prefix("deployment/").unwrap_or(name)
}

/// An edge as a line.
fn line(canvas: &mut Canvas, edge: &EdgeMetrics, (x, y): (f64, f64), (to_x, to_y): (f64, f64)) {
    let (failed, ended) = (edge.requests.failures(), edge.requests.ended());
    let class = match failed {
        0 => "edge",
        _ if failed * 20 < ended => "edge some",
        _ => "edge many",
    };
    let bent = to_x - STRAIGHT;
    let bend = ((bent - x) / 2.0).max(30.0);
    let mut path = String::new();
    let _ = write!(
        path,
        "M{} {}C{} {} {} {} {} {}H{}",
        short(x),
        short(y),
        short(x + bend),
        short(y),
        short(bent - bend),
        short(to_y),
        short(bent),
        short(to_y),
        short(to_x - 6.0)
    );
    let p99 = edge.latency.p99.map_or_else(|| "-".to_owned(), human_duration);
    let p50 = edge.latency.p50.map_or_else(|| "-".to_owned(), human_duration);
    let (total, ok) = (human_count(edge.requests.total), percent(edge.requests.ok, ended));
    let title = format!("{}: {total} requests, {ok} ok, p50 {p50}, p99 {p99}", edge.name);
    // A tenth of the requests is half as wide a line.
    let width = 1.0 + libm::log10(number(edge.requests.total.max(1))) / 2.0;
    canvas.open(&format!("stroke-width=\"{}\"", short(width)));
    canvas.told_path(class, &path, &title);
    canvas.close();
}

/// The numbers of an edge at its end.
fn numbers(canvas: &mut Canvas, edge: &EdgeMetrics, (to_x, to_y): (f64, f64)) {
    let (failed, ended) = (edge.requests.failures(), edge.requests.ended());
    let p99 = edge.latency.p99.map_or_else(|| "-".to_owned(), human_duration);
    let (total, ok) = (human_count(edge.requests.total), percent(edge.requests.ok, ended));
    canvas.path("tip", &format!("M{} {}l-7 -4v8z", short(to_x), short(to_y)));
    let words = if ended == 0 { format!("{total} requests") } else { format!("{ok} ok") };
    canvas.text(if failed > 0 { "num end over bad" } else { "num end over" }, to_x - 10.0, to_y - 5.0, &words);
    canvas.text("num end over", to_x - 10.0, to_y + 13.0, &format!("p99 {p99}"));
}
