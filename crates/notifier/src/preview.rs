//! `usher mail preview`: every kind of mail in every language, as files to look at.

use std::path::Path;

use crate::config::Config;
use crate::letter::{Templates, samples};

/// Writes made-up mails of all kinds into `directory`, a folder for each language and for each mail an HTML and a text file.
/// Returns how many mails there are.
///
/// # Errors
/// A template that does not work, with file and line; a file that cannot be written.
pub fn preview(config: &Config, directory: &Path) -> Result<usize, String> {
    let templates = Templates::load(config.templates_directory.as_deref(), &config.default_locale)?;
    let mut count = 0;
    for locale in templates.locales() {
        let folder = directory.join(locale);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for (kind, variant, words) in samples::all() {
            let mail = templates.render(kind, locale, &words, "")?;
            let name = format!("{}{variant}", kind.name());
            let text = format!("Subject: {}\n\n{}", mail.subject, mail.text);
            for (ending, content) in [("html", mail.html), ("txt", text)] {
                let file = folder.join(format!("{name}.{ending}"));
                std::fs::write(&file, content).map_err(|error| format!("{}: {error}", file.display()))?;
            }
            count += 1;
        }
    }
    Ok(count)
}
