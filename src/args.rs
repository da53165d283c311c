//! What was typed: subcommands and options, nothing resolved.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod objects;
mod traces;

pub use objects::{DescribeArgs, GetArgs, GetFormat};
pub use traces::{ConvertArgs, DiffArgs, ExplainArgs, ReportArgs};

/// Learn, offline and reproducibly, what happens to every connection of an application
/// under Docker port mapping and under Kubernetes Services.
#[derive(Debug, Parser)]
#[command(name = "podwire", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one arm of a scenario and print its report
    Run(RunArgs),
    /// Run all arms of a scenario and print them side by side
    Compare(CompareArgs),
    /// Check scenarios, manifests and compose files without running anything
    Check(CheckArgs),
    /// Show pods, deployments, services, endpoints, nodes or events at a time, as kubectl would
    Get(GetArgs),
    /// Show one object at a time with all that belongs to it and what was told of it, as `kubectl describe` would
    Describe(DescribeArgs),
    /// Make one connection in a running scenario and show it hop by hop
    Curl(CurlArgs),
    /// Write a scenario for manifests or compose files: who asks whom is guessed, and every guess is marked
    Init(InitArgs),
    /// Run every arm twice and compare the traces
    Verify(VerifyArgs),
    /// Compare two runs by their traces or digest ladders, and show where they part
    Diff(DiffArgs),
    /// Write a trace in another form: a capture for Wireshark, a timeline for Perfetto, tables
    Convert(ConvertArgs),
    /// Tell why a request ended as it did: the causes back to a root, and the clock that would have helped
    Explain(ExplainArgs),
    /// Make the report of saved traces, one run each
    Report(ReportArgs),
    /// Print the Service that `kubectl expose` would make of a workload
    Expose(ExposeArgs),
    /// Measure balancing algorithms alone, without a network: evenness, disruption, time of a pick, memory
    Balance(BalanceArgs),
    /// Measure podwire itself on this machine: events and connections per second, bytes per pod and connection
    Bench(BenchArgs),
    /// Print the JSON schema of the scenario format
    Schema,
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, as roff
    Man(ManArgs),
}

/// Where a scenario comes from and what is changed in it.
#[derive(Debug, ClapArgs)]
pub struct ScenarioArgs {
    /// The scenario file; `-` is standard input
    pub file: PathBuf,
    /// Run under this seed instead of the scenario's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Change a value below `spec`, e.g. `cluster.nodeMonitorGracePeriod=20s` (repeatable)
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    pub set: Vec<(String, String)>,
    /// Count warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// Print no warnings and no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// What is written besides the report.
#[derive(Debug, ClapArgs)]
pub struct OutputArgs {
    /// Write report.txt, report.json, report.html, the traces and the digest ladders into this folder
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Which reports are written with `-o`, with commas between: text, json, html, or none [default: all of them]
    #[arg(long, value_name = "FORMS", value_delimiter = ',')]
    pub report: Vec<String>,
    /// What is written of the runs with `-o`, with commas between: jsonl, binary (or bin), pcapng, perfetto, csv, parquet, or
    /// none [default: jsonl]
    #[arg(long, value_name = "FORMS", value_delimiter = ',')]
    pub trace: Vec<String>,
    /// Of csv and parquet: requests, records, instances, with commas between [default: requests]
    #[arg(long = "table", value_name = "TABLES", value_delimiter = ',')]
    pub tables: Vec<String>,
    /// How much is written [default: connection, or what a form of `--trace` is made of]
    #[arg(long, value_enum)]
    pub level: Option<TraceLevel>,
    /// Compute the trace digest
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub digest: Switch,
    /// Run each of these seeds: `1..20` (both ends included) or `3,7,9`
    #[arg(long, value_name = "SEEDS", value_parser = seed_list, conflicts_with = "seed")]
    pub seeds: Option<SeedList>,
    /// Threads for several runs; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `podwire bench`.
#[derive(Debug, ClapArgs)]
pub struct BenchArgs {
    /// Run this size alone (repeatable) [default: all of them]
    #[arg(long = "size", value_enum, value_name = "SIZE")]
    pub sizes: Vec<BenchSize>,
    /// Run each size so often, in turn; times are medians
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Form of the figures
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// How large a cluster `podwire bench` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum BenchSize {
    /// 20 nodes, 47 000 connections: under a second
    Small,
    /// 500 nodes, 15 000 pods, 100 000 connections: some seconds
    Medium,
    /// 5 000 nodes, 150 000 pods, a million connections: half a minute and 1 GiB
    Large,
}

/// `podwire run`.
#[derive(Debug, ClapArgs)]
pub struct RunArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Run this arm instead of the first one
    #[arg(long, value_name = "NAME")]
    pub arm: Option<String>,
    /// Form of the report: text, json, junit, markdown, html, or timeline (the story of the run)
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// What else is written
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `podwire compare`.
#[derive(Debug, ClapArgs)]
pub struct CompareArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Run only this arm of the scenario (repeatable)
    #[arg(long = "arm", value_name = "NAME")]
    pub arms: Vec<String>,
    /// Multiply the arms by these values of a path, e.g. `deployment/web.startup=1s,5s`; several are crossed
    #[arg(long = "variant", value_name = "PATH=VALUE,VALUE", value_parser = path_and_value)]
    pub variants: Vec<(String, String)>,
    /// Form of the report: text, json, junit, markdown or html
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// Print one drawing as SVG instead: timeline, latency, balance, callgraph or topology
    #[arg(long, value_name = "DRAWING", conflicts_with = "format")]
    pub svg: Option<String>,
    /// What else is written
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `podwire check`.
#[derive(Debug, ClapArgs)]
pub struct CheckArgs {
    /// Scenarios, manifests or compose files, told apart by their contents; `-` is standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// List every key that is not modelled, with line and column
    #[arg(long)]
    pub explain_ignored: bool,
    /// Form of the findings
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// Change a value of a scenario below `spec` (repeatable)
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    pub set: Vec<(String, String)>,
    /// Count warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// `podwire curl`.
#[derive(Debug, ClapArgs)]
pub struct CurlArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Where it goes: service/NAME:PORT, a Service's name, pod/NAME:PORT, deployment/NAME#i:PORT, node/NAME:PORT or IP:PORT
    pub target: String,
    /// Where it starts: deployment/NAME[#i], pod/NAME, node/NAME or external
    #[arg(long, value_name = "PLACE")]
    pub from: String,
    /// At this time after the start
    #[arg(long, value_name = "TIME")]
    pub at: String,
    /// In this arm instead of the first flat-pod-ip one
    #[arg(long, value_name = "NAME")]
    pub arm: Option<String>,
    /// Give connecting up after this time [default: as long as the kernel tries]
    #[arg(long, value_name = "TIME")]
    pub connect_timeout: Option<String>,
    /// Give the request up after this time
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub max_time: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// `podwire init`.
#[derive(Debug, ClapArgs)]
pub struct InitArgs {
    /// Kubernetes manifests or compose files; with `-`, what standard input holds follows the scenario, so that
    /// `kubectl get no,po,svc,deploy -A -o yaml | podwire init - | podwire run -` works
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Print no warnings
    #[arg(long, short)]
    pub quiet: bool,
}

/// `podwire verify`.
#[derive(Debug, ClapArgs)]
pub struct VerifyArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Run every arm in N random orders of simultaneous events of different entities too, and compare the metrics
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub shuffle_ties: Option<u64>,
}

/// `podwire expose`.
#[derive(Debug, ClapArgs)]
pub struct ExposeArgs {
    /// A scenario, a manifest or a compose file; `-` is standard input
    pub file: PathBuf,
    /// `deployment/NAME`, or another kind that kubectl exposes: pod, replicaset, replicationcontroller, service
    pub object: String,
    /// The port that the Service serves on [default: the container's ports]
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// Number or name of the container's port [default: the Service's port]
    #[arg(long, value_name = "PORT")]
    pub target_port: Option<String>,
    /// Protocol of the ports [default: the container's]
    #[arg(long, value_name = "PROTOCOL", value_parser = ["TCP", "UDP", "SCTP"])]
    pub protocol: Option<String>,
    /// Type of the Service [default: ClusterIP]
    #[arg(long = "type", value_name = "TYPE", value_parser = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])]
    pub kind: Option<String>,
    /// Name of the Service [default: the object's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// `podwire balance`.
#[derive(Debug, ClapArgs)]
pub struct BalanceArgs {
    /// Algorithms with their parameters, such as `round-robin,least-request(choices=3)`; `all` is every one
    #[arg(long, value_name = "LIST", default_value = "all")]
    pub algorithms: String,
    /// How many backends there are, numbered from 0
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub backends: u32,
    /// How many connections come, one after the other
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub flows: u64,
    /// Weights of the backends, 0 to 65535, in a pattern that is repeated: `3,1` [default: 1]
    #[arg(long, value_name = "LIST")]
    pub weights: Option<String>,
    /// Take this backend away afterwards and send the same connections again
    #[arg(long, value_name = "NUMBER")]
    pub remove: Option<u32>,
    /// Live connections: from this many on, one ends when another comes [default: 10 per backend]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<u64>,
    /// Addresses that connections come from [default: one per flow, at most 65536]
    #[arg(long, value_name = "N")]
    pub clients: Option<u32>,
    /// Addresses that are dialled; a Service has one [default: one per flow, at most 65536]
    #[arg(long, value_name = "N")]
    pub destinations: Option<u32>,
    /// Seed of all draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Measure no times, so that equal calls print equal bytes
    #[arg(long)]
    pub no_times: bool,
    /// Threads for the algorithms; figures do not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// `podwire completions`.
#[derive(Debug, ClapArgs)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// `podwire man`.
#[derive(Debug, ClapArgs)]
pub struct ManArgs {
    /// The page of this subcommand
    pub subcommand: Option<String>,
}

/// How much a trace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceLevel {
    /// Faults, control plane, requests
    Request,
    /// And connections
    Connection,
    /// And TCP segments
    Segment,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

/// Form of what `check` found, of what `curl` saw, or of what `balance` measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// A list of seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedList(pub Vec<u64>);

/// Most seeds in one call: beyond this, somebody mistyped.
const MOST_SEEDS: u64 = 100_000;

fn path_and_value(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not PATH=VALUE"))?;
    Ok((path.to_owned(), value.to_owned()))
}

fn seed_list(text: &str) -> Result<SeedList, String> {
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_| format!("`{part}` is not a seed"));
    let Some((first, last)) = text.split_once("..") else {
        return text.split(',').map(number).collect::<Result<_, _>>().map(SeedList);
    };
    let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
    if first > last || last - first >= MOST_SEEDS {
        return Err(format!("`{text}` must go upwards over at most {MOST_SEEDS} seeds"));
    }
    Ok(SeedList((first..=last).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_ranges_or_lists() {
        assert_eq!(seed_list("1..3"), Ok(SeedList(vec![1, 2, 3])));
        assert_eq!(seed_list("7,9"), Ok(SeedList(vec![7, 9])));
        assert!(seed_list("3..1").is_err());
        assert!(seed_list("one").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
