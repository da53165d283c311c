//! The page as a browser shows it: no error, no request, everything drawn, and what it can do. Needs Chromium and its driver:
//! `cargo test --test browser -- --ignored`. Without them it says so and checks nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
    pub(crate) mod webdriver;
}

use std::path::{Path, PathBuf};

use support::process::{Folder, podwire};
use support::webdriver::Browser;

/// Library scenarios with what makes them short.
const SHOWN: [(&str, &[&str]); 3] = [
    ("nginx-node-death", &["--set", "duration=3m"]),
    ("shop-dead-leaf", &["--set", "duration=30s"]),
    ("rollout-under-load", &["--set", "duration=40s"]),
];

/// The page of a scenario, in a file of the folder.
fn page(folder: &Folder, name: &str, scenario: &str, more: &[&str]) -> String {
    let ended = podwire(&[&["compare", scenario, "-q", "--format", "html"], more].concat());
    assert!([0, 99].contains(&ended.code), "{}", ended.stderr);
    folder.write(&format!("{name}.html"), &ended.stdout)
}

fn count(browser: &Browser, selector: &str) -> u64 {
    let script = format!("return document.querySelectorAll({selector:?}).length");
    browser.run(&script).as_u64().unwrap()
}

/// The page has logged nothing and asked for nothing but itself.
fn is_quiet(browser: &Browser, path: &str) {
    assert_eq!(browser.messages(), Vec::<String>::new(), "{path}");
    let asked = browser.requests();
    let foreign: Vec<&String> =
        asked.iter().filter(|url| *url != &format!("file://{path}") && *url != "data:,").collect();
    assert!(foreign.is_empty(), "{path} asks for {foreign:?}");
}

fn is_drawn(browser: &Browser, path: &str) {
    for drawing in ["timeline", "latency", "balance", "callgraph", "topology"] {
        assert_eq!(count(browser, &format!("svg.pw-{drawing}")), 1, "{path}: {drawing}");
    }
    for (selector, least) in
        [("g.areas path", 2), (".arm", 2), (".node", 3), (".pod .mark", 5), (".edge", 1), ("path[class^=q]", 2)]
    {
        assert!(count(browser, selector) >= least, "{path}: {} of {selector}", count(browser, selector));
    }
    // What is there is also seen: it has a size.
    let unseen =
        "return [...document.querySelectorAll('svg.pw')].filter(svg => svg.getBoundingClientRect().height < 10).length";
    assert_eq!(browser.run(unseen), 0, "{path}");
}

/// The states that the topology shows at a time in milliseconds.
fn states_at(browser: &Browser, ms: u64) -> String {
    let script = format!(
        "const time = document.getElementById('time'); time.value = {ms}; time.dispatchEvent(new Event('input')); \
         return [...document.querySelectorAll('[data-s]')].map(thing => thing.getAttribute('class')).join()"
    );
    browser.run(&script).as_str().unwrap().to_owned()
}

fn scrubs(browser: &Browser, path: &str) {
    let first = states_at(browser, 0);
    let end = browser.run("return Number(document.getElementById('time').max)").as_u64().unwrap();
    let event =
        browser.run("return Number(document.getElementById('time').dataset.stops.split(' ')[0])").as_u64().unwrap();
    // What a fault kills may be back at the end, and what an action changes takes its time.
    let changed = [event, end].map(|ms| states_at(browser, ms) != first);
    assert!(changed.contains(&true), "{path}: nothing has changed at {event} ms and at {end} ms");
    assert!(!first.contains("s-d"), "{path}: something is dead at the start");
    assert_eq!(states_at(browser, 0), first, "{path}: scrubbing back shows something else");
    let clock = browser.run("return document.getElementById('clock').textContent");
    assert_eq!(clock, "0.000 s");
    assert!(browser.run("return document.getElementById('readout').textContent").as_str().unwrap().contains("ok "));
    // The next event after the start is the first fault or action.
    browser.run("document.getElementById('on').click()");
    assert_ne!(browser.run("return document.getElementById('clock').textContent"), "0.000 s");
}

fn filters(browser: &Browser, path: &str) {
    let visible = "return [...document.querySelectorAll('#failed tbody tr')].filter(row => !row.hidden).length";
    let set = |id: &str, value: &str| {
        let script = format!(
            "const field = document.getElementById({id:?}); field.value = {value:?}; \
             field.dispatchEvent(new Event('input', {{bubbles: true}}))"
        );
        browser.run(&script);
    };
    let all = browser.run(visible).as_u64().unwrap();
    assert!((2..=1_000).contains(&all), "{path}: {all} failed requests");
    set("f-text", "no such text anywhere");
    assert_eq!(browser.run(visible), 0, "{path}");
    set("f-text", "");
    let arm = browser.run("return document.querySelector('#f-arm option:last-child').value");
    set("f-arm", arm.as_str().unwrap());
    let of_arm = browser.run(
        "return [...document.querySelectorAll('#failed tbody tr')].filter(row => row.cells[0].textContent === \
         document.getElementById('f-arm').value).length",
    );
    assert_eq!(browser.run(visible), of_arm, "{path}");
    set("f-arm", "");
    assert_eq!(browser.run(visible), all, "{path}");
}

/// With `UPDATE_SAMPLES` set, a picture of the page from this element on goes to `reports/samples`, for people.
fn keep_sample(browser: &Browser, name: &str, selector: &str, (width, height, scheme): (u32, u32, &str)) {
    if std::env::var_os("UPDATE_SAMPLES").is_none() {
        return;
    }
    browser.set_screen(width, height, scheme);
    browser
        .run(&format!("scrollTo(0, document.querySelector({selector:?}).getBoundingClientRect().top + scrollY - 16)"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/samples");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), decoded(&browser.picture())).unwrap();
}

/// Bytes of a base64 text.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_usize, 0);
    for letter in text.chars().filter(|letter| *letter != '=') {
        (bits, held) = ((bits << 6 | LETTERS.find(letter).unwrap()) & 0xffff, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
#[ignore = "needs Chromium; .ci/run installs it and runs this"]
fn pages_work_in_a_browser() {
    let folder = Folder::new();
    let Some(browser) = Browser::start(&PathBuf::from(folder.path("profile"))) else {
        println!("browser: skipped, Chromium or its driver is not installed");
        return;
    };
    for (name, more) in SHOWN {
        let path = page(&folder, name, &format!("scenarios/library/{name}.yaml"), more);
        for (width, scheme) in [(1_100, "light"), (1_100, "dark"), (390, "light")] {
            browser.set_screen(width, 900, scheme);
            browser.open(&path);
            is_drawn(&browser, &path);
            let overflow =
                browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(overflow, 0, "{path}: wider than {width}");
            let dark = browser.run("return getComputedStyle(document.body).backgroundColor === 'rgb(18, 22, 28)'");
            assert_eq!(dark, scheme == "dark", "{path}");
            is_quiet(&browser, &path);
            if name == "nginx-node-death" {
                let kind = if width < 500 { "phone".to_owned() } else { scheme.to_owned() };
                keep_sample(&browser, &format!("{kind}-answer"), "h1", (width, 900, scheme));
                keep_sample(&browser, &format!("{kind}-timeline"), "#timeline", (width, 1_500, scheme));
            } else if name == "shop-dead-leaf" && width > 500 && scheme == "light" {
                keep_sample(&browser, "light-callgraph", "#callgraph", (width, 900, scheme));
            }
        }
        scrubs(&browser, &path);
        filters(&browser, &path);
        is_quiet(&browser, &path);
    }
}

#[test]
#[ignore = "needs Chromium; .ci/run installs it and runs this"]
fn names_in_a_page_do_no_harm() {
    let folder = Folder::new();
    let Some(browser) = Browser::start(&PathBuf::from(folder.path("profile"))) else {
        println!("browser: skipped, Chromium or its driver is not installed");
        return;
    };
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library");
    let text = std::fs::read_to_string(library.join("nginx-node-death.yaml")).unwrap();
    let text = text.replace("include: [kubernetes/", &format!("include: [{}/kubernetes/", library.display()));
    let text = text.replace(", kubernetes/", &format!(", {}/kubernetes/", library.display()));
    let right_to_left = "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{202e}abc";
    for (number, name) in ["<script>alert(1)</script>", right_to_left].into_iter().enumerate() {
        let changed = text.replacen("name: nginx-node-death", &format!("name: {name:?}"), 1);
        let changed = changed.replace("\\u{202e}", "\\u202e");
        let scenario = folder.write(&format!("{number}.yaml"), &changed);
        podwire(&["check", "-q", &scenario]).ok();
        let path = page(&folder, &format!("bad-{number}"), &scenario, &["--set", "duration=65s"]);
        browser.set_screen(1_100, 900, "light");
        browser.open(&path);
        assert_eq!(browser.run("return document.querySelector('h1').textContent"), name);
        assert_eq!(count(&browser, "script"), 1, "{name}");
        is_drawn(&browser, &path);
        // The words around the name stay where they are read from left to right.
        let left = browser.run("return Math.round(document.querySelector('h1').getBoundingClientRect().left)");
        assert!(left.as_i64().unwrap() < 60, "{name}: {left}");
        is_quiet(&browser, &path);
    }
}
