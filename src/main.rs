//! The command line of podwire.
fn main() {}
