//! Where templates come from: built in, and from the operator's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::kind::Kind;
use super::{COMMON, FRAME, TEXT_FRAME};

macro_rules! language {
    ($locale:literal) => {
        (
            $locale,
            &[
                ("frame", include_str!(concat!("../../../templates/", $locale, "/frame.jinja"))),
                ("invitation", include_str!(concat!("../../../templates/", $locale, "/invitation.jinja"))),
                ("reminder", include_str!(concat!("../../../templates/", $locale, "/reminder.jinja"))),
                ("accepted", include_str!(concat!("../../../templates/", $locale, "/accepted.jinja"))),
                (
                    "delivery_failed",
                    include_str!(concat!("../../../templates/", $locale, "/delivery_failed.jinja")),
                ),
                (
                    "account_created",
                    include_str!(concat!("../../../templates/", $locale, "/account_created.jinja")),
                ),
                (
                    "password_reset",
                    include_str!(concat!("../../../templates/", $locale, "/password_reset.jinja")),
                ),
                (
                    "email_verification",
                    include_str!(concat!("../../../templates/", $locale, "/email_verification.jinja")),
                ),
                (
                    "email_change",
                    include_str!(concat!("../../../templates/", $locale, "/email_change.jinja")),
                ),
                (
                    "email_changed",
                    include_str!(concat!("../../../templates/", $locale, "/email_changed.jinja")),
                ),
                (
                    "password_changed",
                    include_str!(concat!("../../../templates/", $locale, "/password_changed.jinja")),
                ),
                (
                    "account_locked",
                    include_str!(concat!("../../../templates/", $locale, "/account_locked.jinja")),
                ),
                (
                    "two_factor_enabled",
                    include_str!(concat!("../../../templates/", $locale, "/two_factor_enabled.jinja")),
                ),
                (
                    "two_factor_disabled",
                    include_str!(concat!("../../../templates/", $locale, "/two_factor_disabled.jinja")),
                ),
                (
                    "two_factor_reset",
                    include_str!(concat!("../../../templates/", $locale, "/two_factor_reset.jinja")),
                ),
                (
                    "passkey_added",
                    include_str!(concat!("../../../templates/", $locale, "/passkey_added.jinja")),
                ),
                (
                    "passkey_removed",
                    include_str!(concat!("../../../templates/", $locale, "/passkey_removed.jinja")),
                ),
            ],
        )
    };
}

/// The built-in languages, each with its files.
const LANGUAGES: [(&str, &[(&str, &str)]); 4] =
    [language!("en"), language!("fr"), language!("de"), language!("es")];

/// The templates by name: the built-in ones, and over them those in `folder`.
///
/// # Errors
/// The file that is no template, or that is missing.
pub(super) fn sources(folder: Option<&Path>) -> Result<BTreeMap<String, Source>, String> {
    let mut sources = built_in();
    if let Some(folder) = folder {
        replace(&mut sources, folder)?;
    }
    complete(&sources, &locales(&sources))?;
    Ok(sources)
}

/// The languages of `sources`.
pub(super) fn locales(sources: &BTreeMap<String, Source>) -> BTreeSet<String> {
    let words = sources.keys().filter_map(|name| name.split_once('/'));
    words.map(|(locale, _)| locale.to_owned()).collect()
}

/// A template, and where people find it.
pub(super) struct Source {
    pub(super) text: String,
    pub(super) place: String,
}

fn built_in() -> BTreeMap<String, Source> {
    let frames = [
        (FRAME.to_owned(), include_str!("../../../templates/mail.mjml")),
        (TEXT_FRAME.to_owned(), include_str!("../../../templates/mail.txt")),
    ];
    let words = LANGUAGES.iter().flat_map(|(locale, files)| {
        files.iter().map(move |(name, text)| (format!("{locale}/{name}.jinja"), *text))
    });
    let source = |(name, text): (String, &str)| {
        let place = format!("built-in template {name}");
        (name, Source { text: text.to_owned(), place })
    };
    frames.into_iter().chain(words).map(source).collect()
}

/// Puts the files of `folder` in the place of those of the same names.
fn replace(sources: &mut BTreeMap<String, Source>, folder: &Path) -> Result<(), String> {
    let trouble = |path: &Path, error: std::io::Error| {
        format!("notifier.templates_directory: {}: {error}", path.display())
    };
    let mut folders = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, path)) = folders.pop() {
        for entry in std::fs::read_dir(&path).map_err(|error| trouble(&path, error))? {
            let path = entry.map_err(|error| trouble(&path, error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && prefix.is_empty() && is_locale(name) {
                folders.push((format!("{name}/"), path));
                continue;
            }
            let key = format!("{prefix}{name}");
            if path.is_dir() || !is_known(&key) {
                let place = path.display();
                return Err(format!(
                    "notifier.templates_directory: {place}: there is no template of this name"
                ));
            }
            let text = std::fs::read_to_string(&path).map_err(|error| trouble(&path, error))?;
            sources.insert(key, Source { text, place: path.display().to_string() });
        }
    }
    Ok(())
}

/// A language tag in lower case, such as `pt` or `pt-br`.
fn is_locale(name: &str) -> bool {
    let subtag = |tag: &str| {
        (1..=8).contains(&tag.len())
            && tag.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.split('-').all(subtag) && name.split('-').next().is_some_and(|language| language.len() <= 3)
}

fn is_known(key: &str) -> bool {
    let Some((_, file)) = key.split_once('/') else { return key == FRAME || key == TEXT_FRAME };
    let Some(name) = file.strip_suffix(".jinja") else { return false };
    name == COMMON || Kind::ALL.iter().any(|kind| kind.name() == name)
}

/// Whether each language has all its files.
fn complete(sources: &BTreeMap<String, Source>, locales: &BTreeSet<String>) -> Result<(), String> {
    let names = std::iter::once(COMMON).chain(Kind::ALL.iter().map(|kind| kind.name()));
    for name in names {
        for locale in locales {
            let key = format!("{locale}/{name}.jinja");
            if !sources.contains_key(&key) {
                return Err(format!("notifier.templates_directory: {key} is missing"));
            }
        }
    }
    Ok(())
}
