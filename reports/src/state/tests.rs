//! kubectl's tables at several times of one run.

use sim_core::model::ids::{FaultId, NodeId, PodId, ServiceId, ServicePortId, WorkloadId};
use sim_core::trace::fields::{Suffix, TemplateHash};
use sim_core::trace::words::{DeleteReason, ExitReason};

use super::*;
use crate::testing::{Builder, S, header};

fn run() -> Builder {
    let mut run = Builder::cluster();
    run.add(1, 0, Body::NodePortAllocated { service_port: ServicePortId(0), node_port: 30_080 });
    run.at(60 * S);
    let down = run.add(0, 0, Body::NodeDown { node: NodeId(2) });
    run.add(down, 0, Body::ContainerExited { pod: PodId(1), container: 0, reason: ExitReason::NodeDown });
    run.at(105 * S);
    let lost = run.add(down, 0, Body::NodeNotReady { node: NodeId(2) });
    let unready = run.add(lost, 0, Body::PodNotReady { pod: PodId(1) });
    run.endpoint_gone(unready, 1, "10.244.2.2", 3);
    run.at(410 * S);
    let deleted = run.add(lost, 0, Body::PodDeleted { pod: PodId(1), reason: DeleteReason::TaintEviction });
    let pod = PodId(3);
    let suffix = Suffix(*b"x2kz9");
    let created = run.add(deleted, 0, Body::PodCreated { pod, workload: WorkloadId(0), ordinal: 2, suffix });
    run.at(411 * S);
    run.add(created, 0, Body::PodScheduled { pod, node: NodeId(1) });
    run.at(412 * S);
    for _ in 0..2 {
        run.add(created, 0, Body::ContainerStarted { pod, container: 0 });
        run.add(created, 0, Body::ContainerExited { pod, container: 0, reason: ExitReason::AddressInUse });
    }
    run
}

fn table(at: u64, resource: &str, query: &Query) -> String {
    let state = run().feed(ClusterState::new(&header(), SimTime::from_nanos(at * S)));
    state.table(Resource::from_name(resource).unwrap(), query).unwrap_or_else(|| "No resources found\n".to_owned())
}

#[test]
fn the_tutorials_pods() {
    let query = Query { wide: true, labels: vec!["run=my-nginx".into()], ..Query::default() };
    insta::assert_snapshot!(table(45, "pods", &query), @r#"
NAME                        READY   STATUS    RESTARTS   AGE   IP           NODE
my-nginx-5b56ccd65f-abcde   1/1     Running   0          45s   10.244.1.2   node-1
my-nginx-5b56ccd65f-abcdf   1/1     Running   0          45s   10.244.2.2   node-2
"#);
    assert!(!table(45, "pods", &query).contains("curl"));
}

#[test]
fn pods_after_the_node_is_gone() {
    insta::assert_snapshot!(table(330, "pods", &Query::default()), @r#"
NAME                        READY   STATUS    RESTARTS   AGE
curl-5b56ccd65f-abcdg       1/1     Running   0          5m30s
my-nginx-5b56ccd65f-abcde   1/1     Running   0          5m30s
my-nginx-5b56ccd65f-abcdf   1/1     Running   0          5m30s
"#);
    insta::assert_snapshot!(table(410, "pods", &Query::default()), @r#"
NAME                        READY   STATUS        RESTARTS   AGE
curl-5b56ccd65f-abcdg       1/1     Running       0          6m50s
my-nginx-5b56ccd65f-abcde   1/1     Running       0          6m50s
my-nginx-5b56ccd65f-abcdf   1/1     Terminating   0          6m50s
my-nginx-5b56ccd65f-x2kz9   0/1     Pending       0          0s
"#);
    insta::assert_snapshot!(table(413, "pods", &Query::default()), @r#"
NAME                        READY   STATUS             RESTARTS     AGE
curl-5b56ccd65f-abcdg       1/1     Running            0            6m53s
my-nginx-5b56ccd65f-abcde   1/1     Running            0            6m53s
my-nginx-5b56ccd65f-abcdf   1/1     Terminating        0            6m53s
my-nginx-5b56ccd65f-x2kz9   0/1     CrashLoopBackOff   1 (1s ago)   3s
"#);
}

#[test]
fn deployments_follow_their_pods_and_a_rollout() {
    insta::assert_snapshot!(table(110, "deploy", &Query::default()), @r"
NAME       READY   UP-TO-DATE   AGE
curl       1/1     1            110s
my-nginx   1/2     2            110s
");
    let mut run = run();
    run.at(500 * S);
    // A rollout begins: the old size goes down, a new template appears, and a pod of it.
    run.add(0, 0, Body::ReplicasWanted { workload: WorkloadId(0), revision: 0, replicas: 1 });
    run.add(0, 0, Body::ReplicasWanted { workload: WorkloadId(0), revision: 1, replicas: 1 });
    run.at(501 * S);
    let (workload, hash, pod) = (WorkloadId(0), TemplateHash::of("7777777777"), PodId(4));
    run.add(0, 0, Body::TemplateUsed { workload, hash });
    run.add(0, 0, Body::PodCreated { pod, workload, ordinal: 3, suffix: Suffix(*b"new4x") });
    run.add(0, 0, Body::PodReady { pod });
    run.at(510 * S);
    run.add(0, 0, Body::ReplicasWanted { workload, revision: 0, replicas: 0 });
    run.add(0, 0, Body::ReplicasWanted { workload, revision: 1, replicas: 3 });
    let at = |seconds: u64| {
        let state = run.clone().feed(ClusterState::new(&header(), SimTime::from_nanos(seconds * S)));
        let query = Query { labels: vec!["run=my-nginx".into()], ..Query::default() };
        state.table(Resource::Deployments, &query).unwrap().lines().nth(1).unwrap().to_owned()
    };
    insta::assert_snapshot!([at(413), at(500), at(501), at(510)].join("\n"), @r"
my-nginx   1/2     2            6m53s
my-nginx   1/2     0            8m20s
my-nginx   2/2     1            8m21s
my-nginx   2/3     1            8m30s
");
}

#[test]
fn services_endpoints_and_nodes() {
    insta::assert_snapshot!(table(45, "svc", &Query { wide: true, ..Query::default() }), @r#"
NAME       TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)        AGE   SELECTOR
my-nginx   ClusterIP   10.96.3.4    <none>        80:30080/TCP   45s   run=my-nginx
"#);
    insta::assert_snapshot!(table(45, "endpoints", &Query::default()), @r#"
NAME       ENDPOINTS                     AGE
my-nginx   10.244.1.2:80,10.244.2.2:80   45s
"#);
    insta::assert_snapshot!(table(106, "ep", &Query::default()), @r#"
NAME       ENDPOINTS       AGE
my-nginx   10.244.1.2:80   106s
"#);
    insta::assert_snapshot!(table(106, "nodes", &Query { wide: true, ..Query::default() }), @r#"
NAME              STATUS     ROLES           AGE    INTERNAL-IP    POD-CIDR        ZONE
control-plane-1   Ready      control-plane   106s   192.168.0.10   10.244.0.0/24   a
node-1            Ready      <none>          106s   192.168.0.11   10.244.1.0/24   a
node-2            NotReady   <none>          106s   192.168.0.12   10.244.2.0/24   a
node-3            Ready      <none>          106s   192.168.0.13   10.244.3.0/24   a
"#);
}

#[test]
fn nothing_fits() {
    let elsewhere = Query { namespace: "team-a".into(), ..Query::default() };
    for resource in ["pods", "deployments", "services", "endpoints"] {
        assert_eq!(table(45, resource, &elsewhere), "No resources found\n");
    }
}

#[test]
fn cordoned_nodes_and_deleted_services_as_kubectl_shows_them() {
    let mut run = run();
    run.at(420 * S);
    run.add(0, 0, Body::ActionStarted { action: FaultId(0) });
    run.add(0, 0, Body::NodeCordoned { node: NodeId(1) });
    run.add(0, 0, Body::ServiceDeleted { service: ServiceId(0) });
    let hash = TemplateHash::of("76bc8d9f4");
    let workload = WorkloadId(0);
    run.add(0, 0, Body::TemplateUsed { workload, hash });
    let suffix = Suffix(*b"qwert");
    run.add(0, 0, Body::PodCreated { pod: PodId(4), workload, ordinal: 3, suffix });
    let state = |at: u64| run.clone().feed(ClusterState::new(&header(), SimTime::from_nanos(at * S)));
    let query = Query::default();
    let nodes = state(421).table(Resource::Nodes, &query).unwrap();
    assert!(
        nodes.lines().any(|line| line.starts_with("node-1") && line.contains("Ready,SchedulingDisabled")),
        "{nodes}"
    );
    assert!(state(419).table(Resource::Services, &query).is_some());
    assert_eq!(state(421).table(Resource::Services, &query), None);
    let pods = state(421).table(Resource::Pods, &query).unwrap();
    assert!(pods.contains("my-nginx-76bc8d9f4-qwert") && pods.contains("my-nginx-5b56ccd65f-x2kz9"), "{pods}");
}

#[test]
fn events_of_the_whole_story() {
    let state = run().feed(ClusterState::new(&header(), SimTime::from_nanos(413 * S)).with_events());
    let events = state.table(Resource::Events, &Query::default()).unwrap();
    let late: Vec<&str> = events.lines().filter(|line| !line.starts_with("6m53s")).collect();
    insta::assert_snapshot!(late.join("\n"), @r"
LAST SEEN   TYPE      REASON                 OBJECT                           MESSAGE
5m8s        Normal    NodeNotReady           node/node-2                      Node node-2 status is now: NodeNotReady
5m8s        Warning   NodeNotReady           pod/my-nginx-5b56ccd65f-abcdf    Node is not ready
3s          Normal    TaintManagerEviction   pod/my-nginx-5b56ccd65f-abcdf    Marking for deletion Pod default/my-nginx-5b56ccd65f-abcdf
3s          Normal    SuccessfulCreate       replicaset/my-nginx-5b56ccd65f   Created pod: my-nginx-5b56ccd65f-x2kz9
2s          Normal    Scheduled              pod/my-nginx-5b56ccd65f-x2kz9    Successfully assigned default/my-nginx-5b56ccd65f-x2kz9 to node-1
1s          Normal    Started                pod/my-nginx-5b56ccd65f-x2kz9    Started container
1s          Warning   BackOff                pod/my-nginx-5b56ccd65f-x2kz9    Back-off restarting failed container
");
    let elsewhere = Query { namespace: "team-a".into(), ..Query::default() };
    assert_eq!(state.table(Resource::Events, &elsewhere), None);
    let hours = state.log.as_ref().unwrap().at(SimTime::from_nanos(413 * S + 3_600 * S));
    assert!(hours.iter().all(|event| event.last == SimTime::from_nanos(413 * S)), "older ones are forgotten");
}

#[test]
fn a_watch_tells_of_what_changes_and_of_what_goes() {
    let mut run = run();
    run.at(420 * S);
    run.add(0, 0, Body::PodGone { pod: PodId(1) });
    let watched = |resource, from: u64, until: u64| {
        let times = (SimTime::from_nanos(from * S), SimTime::from_nanos(until * S));
        let mut out = Vec::new();
        let watch = Watch::new(&header(), resource, Query::default(), times, &mut out);
        run.clone().feed(watch).finish().unwrap();
        String::from_utf8(out).unwrap()
    };
    insta::assert_snapshot!(watched(Resource::Pods, 400, 430), @r"
NAME                        READY   STATUS    RESTARTS   AGE
curl-5b56ccd65f-abcdg       1/1     Running   0          6m40s
my-nginx-5b56ccd65f-abcde   1/1     Running   0          6m40s
my-nginx-5b56ccd65f-abcdf   1/1     Running   0          6m40s
my-nginx-5b56ccd65f-abcdf   1/1     Terminating   0          6m50s
my-nginx-5b56ccd65f-x2kz9   0/1     Pending       0          0s
my-nginx-5b56ccd65f-x2kz9   0/1     ContainerCreating   0          1s
my-nginx-5b56ccd65f-x2kz9   0/1     CrashLoopBackOff    1 (0s ago)   2s
my-nginx-5b56ccd65f-abcdf   1/1     Terminating         0            7m
");
    insta::assert_snapshot!(watched(Resource::Endpoints, 100, 430), @r"
NAME       ENDPOINTS                     AGE
my-nginx   10.244.1.2:80,10.244.2.2:80   100s
my-nginx   10.244.1.2:80                 105s
");
    assert_eq!(watched(Resource::Nodes, 60, 104), table(60, "nodes", &Query::default()), "105 s is not reached");
}
