use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{SCRIPT, SCRIPT_DIGEST};
use crate::html::render;
use crate::report::{Expectation, Report, ReportInput};
use crate::testing::pictured::{death, pictured};
use crate::testing::{Builder, header};

fn page(report: &Report) -> String {
    let mut page = Vec::new();
    render(report, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = (0..3).fold(0_usize, |bits, place| bits << 8 | usize::from(*chunk.get(place).unwrap_or(&0)));
        let letter = |place: usize| char::from(LETTERS[bits >> (18 - 6 * place) & 63]);
        (0..4).map(|place| if place <= chunk.len() { letter(place) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[test]
fn the_policy_knows_the_script() {
    let digest = base64(&Sha256::digest(SCRIPT.as_bytes()));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/html/script.sha256");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, format!("{digest}\n")).unwrap();
    }
    assert_eq!(base64(b"ab"), "YWI=");
    assert_eq!(std::fs::read_to_string(file).unwrap().trim(), digest, "UPDATE_DOCS=1 cargo test -p reports writes it");
    assert!(page(&pictured(&header(), &death())).contains(SCRIPT_DIGEST.trim()));
    // What would end the element early must not stand in it.
    assert!(!SCRIPT.contains("</"));
}

#[test]
fn a_page_names_no_other_place_and_closes_what_it_opens() {
    let page = page(&pictured(&header(), &death()));
    for outside in ["http:", "https:", "src=", "url(http", "@import", "//cdn"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for tag in ["section", "table", "div", "svg", "g", "ul", "details", "bdi", "dl", "p", "td", "tr", "form"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    for part in
        ["answer", "compare", "timeline", "latency", "balance", "callgraph", "addresses", "usage", "failed-requests"]
    {
        assert!(page.contains(&format!("<section id=\"{part}\"")), "{part}");
    }
}

#[test]
fn a_page_says_what_the_text_report_says() {
    let report = pictured(&header(), &death());
    let page = page(&report);
    for (arm, sentence) in crate::report::answers(&report) {
        let (first, rest) = sentence.split_once("; ").unwrap();
        assert!(
            page.contains(&format!("<bdi>{arm}</bdi>")) && page.contains(first) && page.contains(rest),
            "{sentence}"
        );
    }
    for (name, section) in crate::report::sections(&report) {
        for cell in section.table.rows().iter().flatten() {
            assert!(page.contains(&format!("<bdi>{}</bdi>", crate::svg::escape(cell))), "{name}: {cell}");
        }
    }
}

#[test]
fn failed_requests_are_told_with_their_causes_and_the_rest_is_counted() {
    let page = page(&pictured(&header(), &death()));
    assert!(page.contains("of 100 failed requests are listed"), "{page}");
    let rows =
        page.split("id=\"failed\"").nth(1).unwrap().split("</table>").next().unwrap().matches("<tr>").count() - 1;
    assert!((60..=100).contains(&rows), "{rows}");
    assert!(page.contains("<li id=\"cause-1\">") && !page.contains("cause-2"));
    assert!(page.contains("node-2 stops") && page.contains("<a href=\"#cause-1\">cause 1</a>"));
    assert!(page.contains("dials 10.96.3.4:80"));
}

#[test]
fn names_of_a_scenario_stay_texts() {
    let mut header = header();
    let bad = "</script><script>alert(1)</script>";
    for name in [&mut header.scenario, &mut header.arm, &mut header.sources[0].name, &mut header.faults[0]] {
        bad.clone_into(name);
    }
    header.nodes[2].name = "\" onload=\"alert(1)".into();
    header.workloads[1].name = "<img src=x onerror=alert(1)>".into();
    let page = page(&pictured(&header, &death()));
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("<img") && !page.contains("\" onload"), "{page}");
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
}

#[test]
fn a_failed_expectation_stands_at_the_top() {
    let mut report = pictured(&header(), &death());
    let expectation = Expectation { metric: "request_success_rate".into(), min: Some(0.99), ..Expectation::default() };
    let input = ReportInput { runs: report.runs.clone(), expectations: vec![expectation], ..ReportInput::default() };
    report = Report::new(input);
    assert!(page(&report).contains("1 of 1 expectations were not met"));
}

#[test]
fn a_run_without_requests_and_one_without_pictures_have_a_page() {
    assert!(page(&pictured(&header(), &Builder::default())).ends_with("</html>\n"));
    let mut report = pictured(&header(), &death());
    report.runs[0].pictures = None;
    let page = page(&report);
    assert!(!page.contains("<svg") && page.contains("id=\"latency\""));
}
