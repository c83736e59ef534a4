//! Files that hold secrets: readable by their owner alone, and never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use secrecy::SecretString;

use crate::trouble::Trouble;

/// Creates the file with this text, whole or not at all.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is one.
pub fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let unfinished = path.with_file_name(name);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // Unlike a rename, a link does not replace what is there.
    let linked = written.and_then(|()| fs::hard_link(&unfinished, path));
    fs::remove_file(&unfinished)?;
    linked
}

/// The text of the file. If there is none, it is created with what `make` returns.
pub fn read_or_create(path: &Path, make: impl FnOnce() -> SecretString) -> Result<SecretString, Trouble> {
    use secrecy::ExposeSecret as _;
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make();
            create(path, text.expose_secret()).map_err(Trouble::file(path))?;
            Ok(text)
        }
        Err(error) => Err(Trouble::file(path)(error)),
    }
}
