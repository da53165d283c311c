//! Action kinds: one file each, one registry line each. An action is a change that somebody plans and asks the control
//! plane for; it says what is asked. How a cluster or a Docker host does it is the world's business.

mod cordon;
mod delete_pod;
mod delete_service;
mod drain;
mod recreate_service;
mod rollout_restart;
mod scale;
mod set_image;
mod uncordon;

use crate::model::ids::{ServiceId, WorkloadId};
use crate::model::parameters::{Spec, Victim};

/// What an action asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// All pods of a workload are replaced by new ones from the same template, stamped anew.
    Restart(WorkloadId),
    /// All pods of a workload are replaced by new ones with another image.
    SetImage {
        /// The workload.
        workload: WorkloadId,
        /// The image; any other than before when absent.
        image: Option<String>,
    },
    /// A workload is to have so many pods.
    Scale {
        /// The workload.
        workload: WorkloadId,
        /// How many.
        replicas: u32,
    },
    /// A node takes no new pods.
    Cordon(Victim),
    /// A node takes new pods again.
    Uncordon(Victim),
    /// A node takes no new pods, and those it has move away.
    Drain(Victim),
    /// A pod is deleted with its grace.
    DeletePod(Victim),
    /// A Service is deleted: its name, its clusterIP, its node ports and its endpoints.
    DeleteService(ServiceId),
    /// A Service is deleted and made again from the same manifest.
    RecreateService(ServiceId),
}

/// An action kind with what it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionKind {
    /// The registry name.
    pub name: &'static str,
    /// What it asks for.
    pub change: Change,
}

/// Every action kind that scenario files can name.
pub const ACTIONS: &[Spec<ActionKind>] = &[
    rollout_restart::SPEC,
    set_image::SPEC,
    scale::SPEC,
    cordon::SPEC,
    uncordon::SPEC,
    drain::SPEC,
    delete_pod::SPEC,
    delete_service::SPEC,
    recreate_service::SPEC,
];
