//! What was typed about saved traces: `diff`, `convert`, `explain` (which takes a scenario, too) and `report`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{CheckFormat, ScenarioArgs};

/// `podwire diff`.
#[derive(Debug, ClapArgs)]
pub struct DiffArgs {
    /// A trace (JSONL or binary), a digest ladder, or a folder that `-o` has filled
    pub first: PathBuf,
    /// Another one
    pub second: PathBuf,
}

/// `podwire convert`.
#[derive(Debug, ClapArgs)]
pub struct ConvertArgs {
    /// A trace (JSONL or binary); `-` is standard input
    pub trace: PathBuf,
    /// pcapng, perfetto, csv, parquet, jsonl or binary
    #[arg(long, value_name = "FORM")]
    pub to: String,
    /// Write into this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only what this node or a pod on it takes part in, and what caused it
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Only this request, the calls made for it, and what caused it
    #[arg(long, value_name = "SOURCE/NUMBER")]
    pub request: Option<String>,
    /// Only what happens from this time on, and what caused it
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only what happens up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Of csv and parquet: requests, records or instances
    #[arg(long, value_name = "TABLE", default_value = "requests")]
    pub table: String,
    /// Of pcapng: only this interface, such as `node-1:eth0` or `node-1:POD` (repeatable)
    #[arg(long = "interface", value_name = "NAME")]
    pub interfaces: Vec<String>,
    /// Print no notes
    #[arg(long, short)]
    pub quiet: bool,
}

/// `podwire explain`.
#[derive(Debug, ClapArgs)]
pub struct ExplainArgs {
    /// The scenario, or a trace (JSONL or binary) in its place
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Its number, or SOURCE/NUMBER as in `curl/812` [default: the first request that fails]
    pub request: Option<String>,
    /// Explain the first request that fails
    #[arg(long, conflicts_with = "request")]
    pub first_failure: bool,
    /// Explain so many requests that took longest
    #[arg(long, value_name = "N", conflicts_with_all = ["request", "first_failure"], value_parser = clap::value_parser!(u16).range(1..))]
    pub worst: Option<u16>,
    /// In this arm instead of the first one
    #[arg(long, value_name = "NAME")]
    pub arm: Option<String>,
    /// Shorten each clock in a run of its own, and print what that saves of each outage
    #[arg(long, conflicts_with_all = ["request", "first_failure", "worst"])]
    pub blame: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// Threads for the runs with other clocks; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `podwire report`.
#[derive(Debug, ClapArgs)]
pub struct ReportArgs {
    /// Traces (JSONL or binary), one for each run
    #[arg(required = true)]
    pub traces: Vec<PathBuf>,
    /// Form of the report: text, json, junit, markdown or html
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// Print one drawing as SVG instead: timeline, latency, balance, callgraph or topology
    #[arg(long, value_name = "DRAWING", conflicts_with = "format")]
    pub svg: Option<String>,
    /// Write report.txt, report.json and report.html into this folder
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Which of them, with commas between: text, json, html, or none [default: all of them]
    #[arg(long, value_name = "FORMS", value_delimiter = ',')]
    pub report: Vec<String>,
    /// Print no warnings
    #[arg(long, short)]
    pub quiet: bool,
}
