//! The program under test.

use std::path::PathBuf;
use std::process::Command;

/// Where it is: `USHER_BIN`, or the one that was built beside the tests.
///
/// # Panics
/// If it was not built.
pub fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("USHER_BIN") {
        return named.into();
    }
    let me = std::env::current_exe().expect("the test has a path");
    let folder = me.ancestors().find(|folder| folder.join("usher").is_file());
    folder.expect("build the program first: cargo build -p usher").join("usher")
}

/// Runs a command of the program to its end.
///
/// # Panics
/// If it fails, with what it wrote.
pub fn run(arguments: &[&str]) {
    let output = Command::new(program()).args(arguments).output().expect("the program must start");
    let wrote = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "usher {}: {wrote}", arguments.join(" "));
}
