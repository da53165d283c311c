//! Scenarios of the library that take seconds as they are: the same story on fewer nodes.

use std::path::Path;

use scenarios::Overrides;

/// What is changed in a scenario file so that it takes no time; nothing in most of them.
pub(crate) fn smaller(path: &Path) -> Overrides {
    let fewer: &[(&str, &str)] = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("bench-5000-nodes") => &[
            ("topology.nodes.count", "30"),
            ("topology.generator.leaves", "3"),
            ("synthetic.shop.services", "20"),
            ("synthetic.edge.services", "3"),
            ("synthetic.release.replicas", "20"),
            ("traffic.mesh.arrivals.rate", "200/s"),
        ],
        _ => &[],
    };
    let set = fewer.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    Overrides { set, ..Overrides::default() }
}
