//! Runs that take events of equal time and class in another order, where law 3 leaves their order open: whose event it is,
//! and whose turn comes. An order that is left open may move no metric; `podwire verify --shuffle-ties` looks for one that
//! does. A run of the usual kind asks nothing here.

use super::event::{Control, Event};
use super::hangs::is_of_processes;
use super::traffic::Connection;
use super::{RunSummary, World};
use crate::kernel::draws::{Draws, EntityKey, Stream, below};
use crate::kernel::time::SimTime;
use crate::model::ids::{NodeId, PodId, VertexId};
use crate::model::settings::{AddressModelKind, Rescheduler};
use crate::topology::routes::Direction;
use crate::trace::TraceSink;

/// So many of the events that tie are looked at: those further back wait until some of these have happened.
const WINDOW: usize = 64;

/// Which events that tie keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Those of one entity, as law 3 says.
    Entities,
    /// None: the order that law 3 states is broken, too. It is the control that shows that a moved metric is found.
    Nothing,
}

/// A random order of events that tie: whenever several may come first, a draw says which does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shuffle {
    /// The seed of its draws, which no draw of the model depends on.
    pub seed: u64,
    /// So many events overtake others at most; after them the order is the usual one. 0 is the usual order throughout.
    pub most: u64,
    /// The last of these waits until so many of the events before it have happened; 0 is none of them. It tells whom to
    /// overtake matters.
    pub wait: u64,
    /// Which events keep their order.
    pub kept: Kept,
}

/// An event that ties, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TiedEvent {
    /// What happens.
    pub what: String,
    /// To whom; `None` for what happens to several at once.
    pub entity: Option<String>,
}

/// An event that came before one that comes first in the usual order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overtaking {
    /// When both happen.
    pub time: SimTime,
    /// The event that comes first in the usual order.
    pub first: TiedEvent,
    /// The event that overtook it.
    pub second: TiedEvent,
    /// How many events it overtook, at least 1.
    pub overtaken: u64,
}

/// What a shuffle has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// How often several entities could come first.
    pub choices: u64,
    /// How often one overtook another.
    pub overtakings: u64,
    /// The one that was the last by [`Shuffle::most`], if it came to that.
    pub last: Option<Overtaking>,
}

/// Whose state an event reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entity {
    /// A machine with everything on it, or a switch: what they share is their network interface, at the least.
    Vertex(VertexId),
    /// Controllers, scheduler, monitor, registry, load balancers, and whoever reports to them: the API server gives all
    /// changes one order (its `resourceVersion`), in which every watch hears of them.
    ControlPlane,
    /// A source of which nobody can make a request.
    Source(u32),
}

impl Entity {
    /// A machine.
    fn at(node: NodeId) -> Self {
        Self::Vertex(VertexId(node.0))
    }
}

/// The event that will overtake others, and how many it still lets pass.
#[derive(Clone, Copy, Debug)]
struct Late {
    time: SimTime,
    event: Event,
    left: u64,
}

/// A shuffle under way.
#[derive(Debug)]
struct Shuffling {
    plan: Shuffle,
    draws: Draws,
    stream: Stream,
    late: Option<Late>,
    done: Ties,
}

impl World {
    /// Runs to the end of the model's duration or to a limit, as [`World::run`] does, with ties in another order. Every
    /// packet goes hop by hop, so that all hops are events of their own.
    pub fn run_shuffled<S: TraceSink>(self, plan: Shuffle, sink: &mut S) -> (RunSummary, Ties) {
        let end = SimTime::ZERO + self.model.duration;
        let stream = Stream::new(EntityKey::of("shuffle"), "ties");
        let draws = Draws::new(plan.seed);
        let mut shuffling = Shuffling { plan, draws, stream, late: None, done: Ties::default() };
        let summary = self.hop_by_hop().run_by(end, sink, |world, end| world.next_shuffled(&mut shuffling, end));
        (summary, shuffling.done)
    }

    fn next_shuffled(&mut self, shuffling: &mut Shuffling, end: SimTime) -> Option<Event> {
        let tied = self.agenda.tied(end, WINDOW);
        let place = if tied.len() > 1 { self.choose_tied(shuffling, &tied) } else { 0 };
        self.agenda.next_tied(end, place).map(|fired| fired.event)
    }

    /// The place of the event that comes next, among those that tie.
    fn choose_tied(&mut self, shuffling: &mut Shuffling, tied: &[Event]) -> usize {
        let time = self.agenda.next_time().unwrap_or(SimTime::MAX);
        if let Some(late) = shuffling.late.take() {
            return self.let_pass(shuffling, late, (time, tied));
        }
        let candidates = self.candidates(tied, shuffling.plan.kept);
        if candidates.len() < 2 {
            return 0;
        }
        let Shuffling { plan, draws, stream, done, .. } = shuffling;
        let draw = draws.read(stream, done.choices);
        done.choices += 1;
        let place = candidates[usize::try_from(below(draw, candidates.len() as u64)).expect("a place in a table")];
        if place == 0 || done.overtakings >= plan.most {
            return 0;
        }
        done.overtakings += 1;
        if done.overtakings < plan.most {
            return place;
        }
        done.last = Some(self.overtaking(time, tied, place));
        if plan.wait == 0 {
            return place;
        }
        shuffling.late = Some(Late { time, event: tied[place], left: plan.wait - 1 });
        0
    }

    /// The last event that overtakes waits for its turn; an event that was taken back meanwhile has none.
    fn let_pass(&self, shuffling: &mut Shuffling, late: Late, (time, tied): (SimTime, &[Event])) -> usize {
        let place = tied.iter().position(|event| *event == late.event).filter(|_| time == late.time);
        let Some(place) = place else { return 0 };
        if late.left > 0 {
            shuffling.late = Some(Late { left: late.left - 1, ..late });
            return 0;
        }
        if place > 0 {
            shuffling.done.last = Some(self.overtaking(time, tied, place));
        }
        place
    }

    /// The places of the events that may come next: the first one of each entity, up to an event of several at once.
    fn candidates(&self, tied: &[Event], kept: Kept) -> Vec<usize> {
        let mut entities: Vec<Entity> = Vec::new();
        let mut candidates = Vec::new();
        for (place, event) in tied.iter().enumerate() {
            let Some(entity) = self.entity_of(*event) else { break };
            if kept == Kept::Nothing || !entities.contains(&entity) {
                entities.push(entity);
                candidates.push(place);
            }
        }
        candidates
    }

    /// Whose event it is; `None` for one of several entities, which nothing overtakes and which overtakes nothing.
    fn entity_of(&self, event: Event) -> Option<Entity> {
        let at = |node: NodeId| Some(Entity::at(node));
        match event {
            Event::Packet { direction, .. } | Event::Foretold { direction, .. } => {
                Some(Entity::Vertex(self.vertex_behind(direction)))
            }
            Event::Arrival { source } => Some(self.entity_asking(source, self.sources[source as usize].next_number)),
            Event::UserReady { source, user } => {
                let users = &self.sources[source as usize].users;
                let number = users[user as usize].made * users.len() as u64 + u64::from(user);
                Some(self.entity_asking(source, number))
            }
            Event::ServiceDone { exchange } => at(self.connections[self.exchanges[exchange].connection?].server_node),
            Event::RetryDue { request } | Event::Deadline { request } => {
                at(self.clients[self.requests[request].client as usize].node)
            }
            Event::NameStep { client } => at(self.clients[client as usize].node),
            Event::Keepalive { connection } => at(self.connections[connection].client_node),
            Event::DataTimer { connection, to_client } => {
                let Connection { client_node, server_node, .. } = self.connections[connection];
                at(if to_client { server_node } else { client_node })
            }
            Event::ArpFailed { connection } => {
                let Connection { arp_at_client, client_node, server_node, .. } = self.connections[connection];
                at(if arp_at_client { client_node } else { server_node })
            }
            Event::Control { kind, subject, .. } => Some(self.entity_of_control(kind, subject)),
            Event::EntriesExpire { entry } => {
                self.conntrack.as_ref().and_then(|conntrack| at(conntrack.node_of(entry)))
            }
            Event::Timers { .. }
            | Event::FaultBegins { .. }
            | Event::FaultEnds { .. }
            | Event::FaultGoesOn { .. }
            | Event::ActionBegins { .. } => None,
        }
    }

    /// Where a packet arrives that takes this direction, or was held in a node.
    fn vertex_behind(&self, direction: u32) -> VertexId {
        let (index, directions) = (direction as usize, self.wires.directions.len());
        match index.checked_sub(directions) {
            Some(node) => VertexId::from_index(node),
            None => self.routes.head(Direction(direction)),
        }
    }

    /// Whoever makes a source's request of this number.
    fn entity_asking(&self, source: u32, number: u64) -> Entity {
        match self.pick_client(source, number) {
            Some(client) => Entity::at(self.clients[client as usize].node),
            None => Entity::Source(source),
        }
    }

    /// What a node's kube-proxy does is its node's. Kubelets write into the API server, where all that changes stands in one
    /// queue: which of two pods is ready first decides the order of their `EndpointSlice` changes, as the order of two
    /// requests at one server does theirs. Load balancers and clients hear at once of what is there.
    fn entity_of_control(&self, kind: Control, subject: u32) -> Entity {
        if kind == Control::ProxySynced {
            return Entity::at(NodeId(subject));
        }
        if !is_of_processes(kind) || !self.daemons_report_to_nobody() {
            return Entity::ControlPlane;
        }
        self.pods[PodId(subject).index()].node.map_or(Entity::ControlPlane, Entity::at)
    }

    /// Docker hosts stand by themselves without a registry and without an orchestrator.
    fn daemons_report_to_nobody(&self) -> bool {
        self.model.address_model == AddressModelKind::PortMapping
            && self.model.discovery.registry().is_none()
            && self.model.rescheduler == Rescheduler::None
    }

    fn overtaking(&self, time: SimTime, tied: &[Event], place: usize) -> Overtaking {
        let told = |event: Event| {
            let entity = self.entity_of(event).map(|entity| match entity {
                Entity::Vertex(vertex) => self.model.topology.vertex_name(vertex).to_owned(),
                Entity::ControlPlane => "the control plane".to_owned(),
                Entity::Source(source) => self.model.sources[source as usize].name.clone(),
            });
            TiedEvent { what: self.event_in_words(event), entity }
        };
        Overtaking { time, first: told(tied[0]), second: told(tied[place]), overtaken: place as u64 }
    }
}
