//! Applications without manifests: many equal Deployments, each behind a Service of its own.

use schemars::JsonSchema;
use serde::Deserialize;

/// A group of equal Deployments `NAME-1`, `NAME-2`, ..., each with a Service of the same name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SyntheticSpec {
    /// Its name, unique; objects are called `NAME-1`, `NAME-2`, ..., and `synthetic/NAME` means all of them.
    #[schemars(required)]
    pub name: Option<String>,
    /// How many Deployments, and as many Services (1).
    pub services: Option<u32>,
    /// Pods of each Deployment (1).
    pub replicas: Option<u32>,
    /// The port of the Services and of the pods' only container (80).
    pub port: Option<u16>,
}
