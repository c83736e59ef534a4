//! `usher keys list`, `rotate` and `revoke`, on a database that no process serves. What running services make of it is in
//! `fault::key_rotation`.

use std::path::{Path, PathBuf};
use std::process::Command;

use sandbox::{current, program};
use uuid::Uuid;

/// The settings of an identity service with a database of its own, in a new folder.
fn identity() -> PathBuf {
    let folder = current().folder.join(format!("keys-{}", Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).expect("the folder is new");
    let (file, database) = (folder.join("usher.toml"), folder.join("identity.db"));
    let seal_key = current().folder.join("keys/seal.key");
    let settings = format!(
        "[identity.database]\nurl = \"sqlite://{}?mode=rwc\"\n[secrets]\nseal_key_file = \"{}\"\n",
        database.display(),
        seal_key.display(),
    );
    std::fs::write(&file, settings).expect("the folder is writable");
    program::run(&["migrate", "--services", "identity", "--config", &file.to_string_lossy()]);
    file
}

/// What `usher keys` writes, or how it complains.
fn keys(arguments: &[&str], settings: &Path) -> Result<String, String> {
    let command = Command::new(sandbox::program())
        .arg("keys")
        .args(arguments)
        .arg("--config")
        .arg(settings)
        .output()
        .expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if command.status.success() { Ok(text(&command.stdout)) } else { Err(text(&command.stderr)) }
}

/// The ids and states of all keys, the newest first.
fn listed(settings: &Path) -> Vec<(String, String)> {
    let list = keys(&["list"], settings).expect("keys are listed");
    let row = |line: &str| {
        let mut columns = line.split_whitespace().map(str::to_owned);
        (columns.next().expect("a kid"), columns.next().expect("a state"))
    };
    list.lines().skip(1).map(row).collect()
}

fn states(settings: &Path) -> Vec<String> {
    listed(settings).into_iter().map(|(_, state)| state).collect()
}

#[test]
fn keys_come_one_after_the_other_and_go_when_they_are_revoked() {
    let settings = identity();
    assert!(listed(&settings).is_empty());
    keys(&["rotate"], &settings).unwrap();
    assert_eq!(states(&settings), ["signs"]);
    keys(&["rotate"], &settings).unwrap();
    let before = listed(&settings);
    assert_eq!(states(&settings), ["announced", "signs"]);

    // Again while one waits: the same is told, and nothing happens.
    let told = keys(&["rotate"], &settings).unwrap();
    assert!(told.contains("nothing changed") && told.contains(&before[0].0), "{told}");
    assert_eq!(listed(&settings), before);

    // The one that waits signs at once when the one that signs is revoked.
    let (announced, signing) = (before[0].0.as_str(), before[1].0.as_str());
    let told = keys(&["revoke", signing], &settings).unwrap();
    assert!(told.contains(signing) && told.contains(announced), "{told}");
    assert_eq!(listed(&settings)[0], (announced.to_owned(), "signs".to_owned()));
    assert_eq!(states(&settings), ["signs", "revoked"]);
    let told = keys(&["revoke", signing], &settings).unwrap();
    assert!(told.contains("nothing changed"), "{told}");

    // None waits: a new one does.
    keys(&["revoke", announced], &settings).unwrap();
    assert_eq!(states(&settings), ["signs", "revoked", "revoked"]);
}

#[test]
fn a_key_that_is_revoked_before_it_signs_changes_nothing_else() {
    let settings = identity();
    keys(&["rotate"], &settings).unwrap();
    keys(&["rotate"], &settings).unwrap();
    let before = listed(&settings);
    keys(&["revoke", &before[0].0], &settings).unwrap();
    assert_eq!(states(&settings), ["revoked", "signs"]);
    // The one that signs does not retire for it: the next rotation begins anew.
    keys(&["rotate"], &settings).unwrap();
    let after = listed(&settings);
    assert!(after.contains(&(before[1].0.clone(), "signs".to_owned())), "{after:?}");
    let announced = after.iter().filter(|(_, state)| state == "announced");
    assert_eq!(announced.count(), 1);
}

#[test]
fn rotations_at_once_make_one_key() {
    let settings = identity();
    keys(&["rotate"], &settings).unwrap();
    let told: Vec<_> = std::thread::scope(|scope| {
        let rotations: Vec<_> = (0..4).map(|_| scope.spawn(|| keys(&["rotate"], &settings))).collect();
        rotations.into_iter().map(|rotation| rotation.join().unwrap().unwrap()).collect()
    });
    assert_eq!(told.iter().filter(|told| !told.contains("nothing changed")).count(), 1, "{told:?}");
    assert_eq!(states(&settings), ["announced", "signs"]);
}

#[test]
fn an_unknown_key_is_told() {
    let settings = identity();
    keys(&["rotate"], &settings).unwrap();
    let complaint = keys(&["revoke", "nobody"], &settings).unwrap_err();
    assert!(complaint.contains("nobody"), "{complaint}");
    assert_eq!(states(&settings), ["signs"]);
}
