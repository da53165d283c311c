//! Peak memory of a piece of work, in a process of its own, so that peaks are apart.

use std::process::Command;

/// The subcommand of such a process.
pub const COMMAND: &str = "memory-of";

/// Peak resident memory in MiB of a child that does the named work, and what it counted; `None` where the system does not tell.
pub fn of_child(workload: &str, contender: &str, scale: u32) -> Option<(u64, u64)> {
    let this = std::env::current_exe().ok()?;
    let output = Command::new(this).args([COMMAND, workload, contender, &scale.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (mib, count) = text.trim().split_once(' ')?;
    Some((mib.parse().ok()?, count.parse().ok()?))
}

/// Peak resident memory of this process in MiB.
pub fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib.div_ceil(1024))
}
