//! Files of `-o DIR`: written under another name first, so that none is ever half there.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use reports::trace_io::{TraceError, WRITTEN_AT_ONCE};

use crate::failure::Failure;

/// Writes a whole file through `fill`.
pub(crate) fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let (mut file, unfinished) = create(path)?;
    fill(&mut file).and_then(|()| file.flush()).map_err(|error| Failure::io(path, &error))?;
    unfinished.put_in_place()
}

/// A file that has not its name yet; it is taken away unless it gets it.
pub(crate) struct Unfinished {
    /// The name that it will have.
    pub(crate) path: PathBuf,
    now: PathBuf,
}

impl Unfinished {
    /// Gives the finished file its name.
    pub(crate) fn put_in_place(self) -> Result<(), Failure> {
        std::fs::rename(&self.now, &self.path).map_err(|error| Failure::io(&self.path, &error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // When it has its name there is nothing to take away, and else another failure is the one to tell of.
        let _ = std::fs::remove_file(&self.now);
    }
}

/// Begins a file that will stand at `path`, in a folder that is made for it.
pub(crate) fn create(path: &Path) -> Result<(BufWriter<File>, Unfinished), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::io(folder, &error))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".unfinished");
    let now = path.with_file_name(name);
    let file = File::create(&now).map_err(|error| Failure::io(&now, &error))?;
    Ok((BufWriter::with_capacity(WRITTEN_AT_ONCE, file), Unfinished { path: path.to_owned(), now }))
}

/// A trace that could not be read or written.
pub(crate) fn trace_failure(path: &Path, error: &TraceError) -> Failure {
    Failure::Io(format!("{}: {error}", path.display()))
}
