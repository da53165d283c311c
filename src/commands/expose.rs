//! `podwire expose`: the Service that `kubectl expose` would make, without a cluster.

use std::io::Write;

use scenarios::ExposeRequest;

use crate::args::ExposeArgs;
use crate::failure::Failure;
use crate::session;

pub(super) fn execute(args: &ExposeArgs) -> Result<(), Failure> {
    let (source, base) = session::read_source(&args.file)?;
    let request = ExposeRequest {
        object: args.object.clone(),
        name: args.name.clone(),
        port: args.port.clone(),
        target_port: args.target_port.clone(),
        protocol: args.protocol.clone(),
        kind: args.kind.clone(),
    };
    let (loaded, exposed) = scenarios::expose(source, &base, &session::read_disk, &session::metrics(), &request);
    // Warnings are about running the file, which nobody asked for.
    session::tell(&loaded.diagnostics, &loaded.sources, true)?;
    let text = exposed.map_err(Failure::Usage)?.ok_or(Failure::Invalid)?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
