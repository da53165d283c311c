use super::*;
use crate::testing::pictured::{death, pictured as report};
use crate::testing::{Builder, header};

#[test]
fn every_drawing_draws_a_node_death() {
    let report = report(&header(), &death());
    for drawing in DRAWINGS {
        let file = drawing.file(&report).unwrap_or_else(|| panic!("{drawing:?} draws nothing"));
        assert!(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && file.ends_with("</svg>\n"), "{file}");
        assert_eq!(file.matches("<g ").count(), file.matches("</g>").count(), "{drawing:?}");
        assert!(!file.contains("NaN") && !file.contains("inf\""), "{drawing:?}");
        assert_eq!(drawing.inline(&report).unwrap().matches("<style>").count(), 0);
        assert_eq!(self::drawing(drawing.name).map(|found| found.name), Some(drawing.name));
    }
    let topology = drawing("topology").unwrap().file(&report).unwrap();
    assert!(topology.contains("data-s=\"0r 60000d\"") && topology.contains(">dead</text>"), "{topology}");
    assert!(drawing("timeline").unwrap().file(&report).unwrap().contains("connect-timeout"));
}

#[test]
fn a_run_without_requests_or_pictures_draws_what_there_is() {
    let bare = report(&header(), &Builder::default());
    assert!(drawing("latency").unwrap().file(&bare).is_none() && drawing("balance").unwrap().file(&bare).is_none());
    assert!(drawing("topology").unwrap().file(&bare).is_some());
    let mut without = report(&header(), &death());
    without.runs[0].pictures = None;
    assert!(DRAWINGS.iter().all(|drawing| drawing.file(&without).is_none()));
}

#[test]
fn no_name_leaves_its_place() {
    let mut header = header();
    let bad = "<script>alert(1)</script>\"'&\u{202e}";
    for name in [&mut header.arm, &mut header.sources[0].name, &mut header.edges[0].name, &mut header.faults[0]] {
        bad.clone_into(name);
    }
    for node in &mut header.nodes {
        node.zone = bad.into();
    }
    header.nodes[2].name = bad.into();
    header.workloads[0].name = bad.into();
    let report = report(&header, &death());
    for drawing in DRAWINGS {
        let file = drawing.file(&report).unwrap();
        assert!(!file.contains("<script") && !file.contains("</script"), "{drawing:?}");
        assert!(file.contains("&lt;scr"), "{drawing:?} shows none of the names");
    }
}
