//! What a world says that it holds is what the allocator has given it, and a pod and a connection of a large cluster take little
//! of it.
//! A binary of its own, because allocations are counted for the whole process.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "tests fail loudly and count below 2^53")]

use std::path::Path;
use std::sync::Arc;

use podwire::experiment::Nowhere;
use scenarios::Overrides;
use sim_core::kernel::time::SimTime;
use sim_core::model::Model;
use sim_core::trace::Level;
use sim_core::world::World;

/// The large cluster on 200 nodes: 6 000 pods, 400 Services.
fn model() -> Arc<Model> {
    let set = [
        ("topology.nodes.count", "200"),
        ("topology.generator.leaves", "5"),
        ("synthetic.shop.services", "360"),
        ("synthetic.edge.services", "39"),
        ("synthetic.release.replicas", "54"),
        ("traffic.mesh.arrivals.rate", "4000/s"),
    ];
    library("bench-5000-nodes.yaml", &set)
}

/// A scenario of the library with other values.
fn library(name: &str, set: &[(&str, &str)]) -> Arc<Model> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library").join(name);
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let overrides = Overrides { set, ..Overrides::default() };
    let mut scenario = podwire::session::load_file(&path, &overrides).unwrap().scenario.unwrap();
    scenario.arms.remove(0).model
}

/// Runs to a time, and returns the world and how many bytes of the heap it has.
fn at(model: &Arc<Model>, seconds: u64) -> (World, f64) {
    let mut made = None;
    let info = allocation_counter::measure(|| {
        let mut world = World::new(Arc::clone(model), Level::Connection);
        world.run_until(SimTime::from_nanos(seconds * 1_000_000_000), &mut Nowhere);
        made = Some(world);
    });
    (made.unwrap(), info.bytes_current as f64)
}

#[test]
fn a_world_holds_what_it_says() {
    let model = model();
    for seconds in [1, 58, 64] {
        let (world, allocated) = at(&model, seconds);
        let told = world.footprint().bytes() as f64;
        assert!(
            (0.85..1.15).contains(&(told / allocated)),
            "{told} of {allocated} at {seconds} s: {:?}",
            world.footprint()
        );
    }
}

#[test]
fn a_pod_takes_400_bytes_at_most() {
    let model = model();
    let (world, _) = at(&model, 1);
    let pods = world.footprint().pods;
    assert!(pods.each().unwrap() <= 400, "{pods:?}");
}

#[test]
fn an_open_connection_takes_250_bytes_at_most() {
    let (world, _) = at(&model(), 64);
    let connections = world.footprint().connections;
    assert!(connections.entries > 0 && connections.each().unwrap() <= 250, "{connections:?}");
}

/// A hundred clients keep a connection to each of twenty servers, most of them idle at any time.
#[test]
fn a_kept_connection_takes_128_bytes_at_most_with_its_port() {
    let (world, _) = at(&library("bench-w2.yaml", &[("traffic.users.connections", "{pool: 20}")]), 3);
    let footprint = world.footprint();
    assert_eq!(footprint.connections.entries, 2_000);
    let bytes = footprint.connections.bytes + footprint.ports.bytes;
    assert!(bytes <= 128 * 2_000, "{footprint:?}");
}
