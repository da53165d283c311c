//! What was typed to look at objects: `get` and `describe`.

use clap::{Args as ClapArgs, ValueEnum};

use super::ScenarioArgs;

/// `podwire get`.
#[derive(Debug, ClapArgs)]
pub struct GetArgs {
    /// pods, deployments, statefulsets, daemonsets, replicationcontrollers, services, endpoints, nodes or events; or a short
    /// name: po, deploy, sts, ds, rc, svc, ep, no, ev
    pub resource: String,
    /// A scenario, or a trace that a run has saved
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Show this arm instead of the first flat-pod-ip one
    #[arg(long, value_name = "NAME")]
    pub arm: Option<String>,
    /// Another form than the plain table
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORM")]
    pub output: Option<GetFormat>,
    /// Only objects with these labels: `key=value[,key=value]`
    #[arg(short = 'l', long = "selector", value_name = "LABELS", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Only objects of this namespace
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    pub namespace: String,
    /// Objects of every namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// At this time after the start [default: the start]
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub at: String,
    /// Print a line whenever an object changes from then on
    #[arg(short, long)]
    pub watch: bool,
    /// Watch up to this time after the start [default: the end of the run]
    #[arg(long, value_name = "TIME", requires = "watch")]
    pub until: Option<String>,
}

/// `podwire describe`.
#[derive(Debug, ClapArgs)]
pub struct DescribeArgs {
    /// pod, deployment, statefulset, daemonset, replicationcontroller, service, endpoints, node or event; or a short name
    pub resource: String,
    /// The object's name, or the beginning of several names
    pub name: String,
    /// A scenario, or a trace that a run has saved
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Show this arm instead of the first flat-pod-ip one
    #[arg(long, value_name = "NAME")]
    pub arm: Option<String>,
    /// An object of this namespace
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    pub namespace: String,
    /// At this time after the start [default: the start]
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub at: String,
}

/// How much `get` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GetFormat {
    /// The table with more columns
    Wide,
    /// The objects as YAML
    Yaml,
    /// The objects as JSON
    Json,
    /// `pod/NAME` and the like alone
    Name,
}
