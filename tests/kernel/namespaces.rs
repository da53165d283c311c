//! Network namespaces with names of this run alone, commands and programs in them, and their removal.
//! Knows no networks: what lies inside is written elsewhere.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How every name of a namespace begins; the number of the process that made it follows.
const PREFIX: &str = "podwire-kernel-";
/// Commands that only set something up.
const SETTING_UP: Duration = Duration::from_secs(20);

/// `ip netns` mounts a folder at its first use, which two of them must not do at once.
static MOUNTING: Mutex<()> = Mutex::new(());
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Waits for the end of a command and gives its standard output; kills it at its deadline.
fn finish(mut child: Child, input: &str, patience: Duration) -> Result<String, String> {
    let until = Instant::now() + patience;
    let mut stdin = child.stdin.take();
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let complaints = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    // A command that ends early has closed its input; its exit code tells.
    let _ = stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() > until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no end after {patience:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let text = reading.join().expect("a reader does not panic").map_err(|error| error.to_string())?;
    let complaint = complaints.join().expect("a reader does not panic").unwrap_or_default();
    if status.success() { Ok(text) } else { Err(format!("{status}: {}", complaint.trim())) }
}

/// A command with an input; what it prints.
pub(crate) fn command(line: &[&str], input: &str) -> Result<String, String> {
    let [program, args @ ..] = line else { return Err("no command".to_owned()) };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    finish(child, input, SETTING_UP).map_err(|error| format!("{}: {error}\n{input}", line.join(" ")))
}

/// A program of [`crate::programs`] that goes on beside the test, until it is dropped.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Running {
    /// Waits for its end and gives what it printed.
    pub(crate) fn wait(mut self, patience: Duration) -> String {
        let child = self.child.take().expect("nobody has waited for it");
        finish(child, "", patience).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended by itself cannot be killed, and that is as well.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A namespace, removed at its end with all that lies inside.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    pub(crate) fn new(title: &str) -> Result<Self, String> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let title: String = title.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
        let name = format!("{PREFIX}{}-{number}-{title}", std::process::id());
        let guard = MOUNTING.lock();
        command(&["ip", "netns", "add", &name], "")?;
        drop(guard);
        Ok(Self { name })
    }

    /// Commands of `ip`, one a line, done inside.
    pub(crate) fn ip(&self, lines: &str) {
        command(&["ip", "-n", &self.name, "-batch", "-"], lines).unwrap_or_else(|error| panic!("{error}"));
    }

    /// A command inside.
    pub(crate) fn command(&self, line: &[&str], input: &str) -> Result<String, String> {
        let inside: Vec<&str> = ["ip", "netns", "exec", &self.name].iter().chain(line).copied().collect();
        command(&inside, input)
    }

    /// The line that starts one of this test's own programs inside.
    fn program(&self, args: &[String], life: Duration) -> Command {
        let mut command = Command::new("ip");
        let test = std::env::current_exe().expect("a running test has a path");
        command.args(["netns", "exec", &self.name]).arg(test).arg(crate::programs::MARK);
        command.arg(life.as_secs().to_string()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a program inside to its end.
    pub(crate) fn run(&self, args: &[String], life: Duration) -> String {
        self.start(args, life).wait(life + SETTING_UP)
    }

    /// Starts a program that answers nobody.
    pub(crate) fn start(&self, args: &[String], life: Duration) -> Running {
        let child = self.program(args, life).spawn().expect("`ip` was there a moment ago");
        Running { child: Some(child) }
    }

    /// Starts a program and waits until it says that it listens.
    pub(crate) fn serve(&self, args: &[String], life: Duration) -> Running {
        let mut running = self.start(args, life);
        let child = running.child.as_mut().expect("it was started just now");
        let mut line = String::new();
        // It ends by itself at the latest after its life, so this read does.
        let stdout = child.stdout.as_mut().expect("it is piped");
        let read = BufReader::new(stdout).read_line(&mut line);
        assert!(read.is_ok() && line.trim() == crate::programs::LISTENS, "{args:?} in {}: {line:?}", self.name);
        running
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _guard = MOUNTING.lock();
        // What cannot be removed now is removed at the next start.
        let _ = command(&["ip", "netns", "del", &self.name], "");
    }
}

/// Removes what earlier runs left behind that were killed themselves; `own` is another process whose namespaces go, too.
pub(crate) fn clean(own: Option<u32>) -> Result<(), String> {
    for line in command(&["ip", "netns", "list"], "")?.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let Some(maker) = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()) else { continue };
        let goes = own.is_some_and(|own| own.to_string() == maker);
        if !goes && std::path::Path::new("/proc").join(maker).exists() {
            continue;
        }
        // Programs inside end by themselves at their deadline; these belong to nobody any more.
        for number in command(&["ip", "netns", "pids", name], "")?.split_whitespace() {
            let _ = command(&["kill", "-9", number], "");
        }
        command(&["ip", "netns", "del", name], "")?;
    }
    Ok(())
}
