//! What a worker does between serving a request and answering it: its calls, in order or at once, as open frames of
//! its workload's plan. Calls that end in an instant are taken up at the end of the event, so that none nests.

use super::World;
use super::path_draws::{Purpose, number_below};
use super::requests::Arrival;
use super::sockets::Sockets;
use super::traffic::{Ended, Exchange, Frame, ServerSide};
use crate::kernel::draws::below;
use crate::model::application::WorkerModel;
use crate::model::call::{OnFailure, WHOLE_PPM};
use crate::model::call_graph::{BASE_BITS, PlanNode};
use crate::model::ids::{PodId, SourceId, WorkloadId};
use crate::trace::RecordId;
use crate::trace::words::Outcome;

impl World {
    /// A worker has done its own part: it fails the request, calls others, or answers.
    pub(super) fn service_done(&mut self, exchange: u32) {
        self.exchanges[exchange].service = None;
        let pod = self.pod_of(exchange);
        let workload = self.pods[pod.index()].workload;
        let Sockets { error_ppm, worker, .. } = self.sockets.of(workload);
        let Exchange { source, number, attempt, .. } = self.exchanges[exchange];
        if error_ppm > 0 {
            let draw = self.draw_of(source, number, attempt, Purpose::Error);
            self.exchanges[exchange].failed = below(draw, u64::from(WHOLE_PPM)) < u64::from(error_ppm);
        }
        let graph = self.model.graph();
        let calls = graph.has_children(SourceId(source), workload) && !self.exchanges[exchange].failed;
        let Some(plan) = calls.then(|| graph.plans[workload.index()]).flatten() else {
            return self.respond(exchange, true);
        };
        self.exchanges[exchange].server_side = ServerSide::Calling;
        if worker == WorkerModel::Async {
            self.free_worker(pod);
        }
        self.open_frame(exchange, plan.root, None);
    }

    fn pod_of(&self, exchange: u32) -> PodId {
        let connection = self.exchanges[exchange].connection.expect("a served exchange has a connection");
        self.connections[connection].pod.expect("a served connection has a pod")
    }

    fn open_frame(&mut self, exchange: u32, node: u32, parent: Option<u32>) {
        self.exchanges[exchange].frames += 1;
        let frame = Frame { exchange, node, parent, next: 0, pending: 0, failed: false, because: 0 };
        let frame = self.frames.insert(frame);
        self.advance(frame);
    }

    /// Calls that have ended since the last event go on in their plans.
    pub(super) fn take_up_ended_calls(&mut self) {
        while let Some(ended) = self.ended_calls.pop_front() {
            if self.impairments.hung > 0 && self.call_waits(ended) {
                continue;
            }
            let Ended { frame, outcome, record } = ended;
            let PlanNode::Call(edge) = self.model.graph().nodes[self.frames[frame].node as usize] else {
                unreachable!("only a frame of a call waits for a request");
            };
            let fails = outcome != Outcome::Ok && self.model.graph().edges[edge as usize].on_failure == OnFailure::Fail;
            self.child_ended(frame, fails, record);
        }
    }

    fn child_ended(&mut self, frame: u32, failed: bool, because: RecordId) {
        let state = &mut self.frames[frame];
        state.pending -= 1;
        if failed && !state.failed {
            state.failed = true;
            state.because = because;
        }
        self.advance(frame);
    }

    /// Begins what comes next in a frame, or closes it.
    fn advance(&mut self, frame: u32) {
        let Frame { exchange, node, next, pending, failed, .. } = self.frames[frame];
        if pending > 0 {
            return;
        }
        // A worker that has died begins nothing more.
        let over = failed || self.exchanges[exchange].server_side != ServerSide::Calling;
        match self.model.graph().nodes[node as usize] {
            PlanNode::Call(edge) => {
                let repeat = self.model.graph().edges[edge as usize].repeat;
                if over || next >= repeat || !self.makes_call(frame, edge, repeat) {
                    self.close_frame(frame);
                }
            }
            PlanNode::Sequence { count, .. } if over || next >= count => self.close_frame(frame),
            PlanNode::Sequence { first, .. } => {
                self.frames[frame].next += 1;
                self.frames[frame].pending = 1;
                self.open_frame(exchange, first + next, Some(frame));
            }
            PlanNode::Parallel { count, .. } if over || next >= count => self.close_frame(frame),
            PlanNode::Parallel { first, count } => {
                self.frames[frame].next = count;
                self.frames[frame].pending = count;
                for child in first..first + count {
                    self.open_frame(exchange, child, Some(frame));
                }
            }
        }
    }

    /// Makes the next repetition of a call; false when this request does without it.
    fn makes_call(&mut self, frame: u32, edge: u32, repeat: u32) -> bool {
        let Frame { exchange, next, .. } = self.frames[frame];
        let Exchange { source, number, attempt, record, deadline, .. } = self.exchanges[exchange];
        let pod = self.pod_of(exchange);
        let workload: WorkloadId = self.pods[pod.index()].workload;
        let path = self.model.graph().child(SourceId(source), workload, edge);
        let above = self.model.graph().paths[path.index()].retrying_above;
        let Some(number) = number_below(number, attempt, above, repeat, next) else {
            self.reach_limit(1 << BASE_BITS);
            return false;
        };
        let probability = self.model.graph().edges[edge as usize].probability_ppm;
        if probability < WHOLE_PPM && next == 0 {
            let draw = self.draw_of(path.0, number, 0, Purpose::Chance);
            if below(draw, u64::from(WHOLE_PPM)) >= u64::from(probability) {
                return false;
            }
        }
        self.frames[frame].next += 1;
        self.frames[frame].pending = 1;
        let client = self.caller(pod, workload, edge);
        self.begin_request(Arrival { source: path.0, number, client, cause: record, frame: Some(frame), deadline });
        true
    }

    fn close_frame(&mut self, frame: u32) {
        let Frame { exchange, parent, failed, because, .. } = self.frames[frame];
        self.frames.remove(frame);
        self.exchanges[exchange].frames -= 1;
        if let Some(parent) = parent {
            return self.child_ended(parent, failed, because);
        }
        self.loose.exchanges.push(exchange);
        if self.exchanges[exchange].server_side != ServerSide::Calling {
            return;
        }
        self.exchanges[exchange].failed = failed;
        if failed {
            self.exchanges[exchange].extras().failed_because = because;
        }
        let pod = self.pod_of(exchange);
        self.respond(exchange, self.holds_worker(pod));
    }
}
