//! A row for every pod or container, with the times of its life. Knows no file format.

use std::net::IpAddr;

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::{Body, Record};

use super::{Cell, Column, Kind, Row, Table, TableInfo, column, number, text};
use crate::id_map::IdMap;
use crate::trace_io::Names;

/// The table.
pub(super) const INFO: TableInfo = TableInfo {
    name: "instances",
    doc: "a row for every pod or container, with the times of its life",
    columns: COLUMNS,
    begin: |header| Box::new(Instances { names: Names::new(header), pods: IdMap::default() }),
};

const COLUMNS: &[Column] = &[
    column("pod", Kind::Text, "its name"),
    column("workload", Kind::Text, "whose it is: kind/NAME"),
    column("node", Kind::Text, "where it was placed"),
    column("address", Kind::Text, "its address"),
    column("host_port", Kind::Number, "the last port of its host that led to it"),
    column("created_ns", Kind::Number, "when it was made"),
    column("scheduled_ns", Kind::Number, "when it was placed"),
    column("started_ns", Kind::Number, "when a container of it listened first"),
    column("ready_ns", Kind::Number, "when it was ready first"),
    column("deleted_ns", Kind::Number, "when it was marked for deletion"),
    column("gone_ns", Kind::Number, "when its object was gone"),
    column("restarts", Kind::Number, "starts of containers after a stop"),
    column("responses", Kind::Number, "responses it has written; needs the connection level"),
];

/// Moments of a pod's life, in the order of the columns.
const MOMENTS: usize = 6;

/// What is known of a pod.
#[derive(Clone, Debug, Default)]
struct Pod {
    workload: Option<String>,
    node: Option<NodeId>,
    address: Option<IpAddr>,
    host_port: Option<u16>,
    moments: [Option<u64>; MOMENTS],
    stops: u64,
    restarts: u64,
    responses: u64,
}

struct Instances {
    names: Names,
    pods: IdMap<Option<Pod>>,
}

impl Instances {
    fn pod(&mut self, id: PodId) -> &mut Pod {
        self.pods.slot(id.0).get_or_insert_default()
    }

    fn moment(&mut self, id: PodId, which: usize, record: &Record) {
        let moments = &mut self.pod(id).moments;
        moments[which] = moments[which].or(Some(record.time.as_nanos()));
    }
}

impl Table for Instances {
    #[allow(clippy::wildcard_enum_match_arm)] // the rest says nothing of a pod's life
    fn take(&mut self, record: &Record, _rows: &mut Vec<Row>) {
        self.names.learn(record);
        match record.body {
            Body::PodCreated { pod, workload, .. } => {
                self.pod(pod).workload = Some(self.names.workload(workload));
                self.moment(pod, 0, record);
            }
            Body::PodScheduled { pod, node } => {
                self.pod(pod).node = Some(node);
                self.moment(pod, 1, record);
            }
            Body::AddressAssigned { pod, address } => self.pod(pod).address = Some(address),
            Body::PortPublished { pod, host_port, .. } => self.pod(pod).host_port = Some(host_port),
            Body::ContainerStarted { pod, .. } => {
                let known = self.pod(pod);
                known.restarts += u64::from(known.stops > 0);
                self.moment(pod, 2, record);
            }
            Body::ContainerExited { pod, .. } => self.pod(pod).stops += 1,
            Body::PodReady { pod } => self.moment(pod, 3, record),
            Body::PodDeleted { pod, .. } => self.moment(pod, 4, record),
            Body::PodGone { pod } => self.moment(pod, 5, record),
            Body::ResponseSent { pod, .. } => self.pod(pod).responses += 1,
            _ => {}
        }
    }

    fn finish(&mut self, rows: &mut Vec<Row>) {
        for (id, pod) in self.pods.iter() {
            let Some(pod) = pod else { continue };
            let mut row = vec![
                Cell::Text(self.names.pod(PodId(id))),
                text(pod.workload.clone()),
                text(pod.node.map(|node| self.names.node(node))),
                text(pod.address.map(|address| address.to_string())),
                number(pod.host_port.map(u64::from)),
            ];
            row.extend(pod.moments.map(number));
            row.extend([Cell::Number(pod.restarts), Cell::Number(pod.responses)]);
            rows.push(row);
        }
    }
}
