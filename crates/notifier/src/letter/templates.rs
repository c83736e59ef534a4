//! The templates: a frame for all mails, in MJML and in plain text, and for each language and kind of mail a file of words.
//!
//! A file of words has the blocks `subject`, `heading`, `text`, `button` and `after`; paragraphs are parted by empty lines. Each
//! language has a file `frame.jinja` with what all its mails say. An operator replaces files by others of the same name, and adds
//! languages: see [`crate::Config`]. All is tried out at the start, so that a wrong template stops that instead of a mail.

mod mjml;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use minijinja::value::merge_maps;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context};

use super::kind::Kind;
use super::samples;
use super::words::{Moment, Words};
use mjml::to_html;
use source::{Source, locales, sources};

const FRAME: &str = "mail.mjml";
const TEXT_FRAME: &str = "mail.txt";
/// The frame after its conversion.
const HTML_FRAME: &str = "mail.html";
/// What all mails of a language say.
const COMMON: &str = "frame";

/// All templates, which were tried out.
pub(crate) struct Templates {
    environment: Environment<'static>,
    locales: BTreeSet<String>,
    default_locale: String,
    /// Where a template comes from, as people find it.
    places: BTreeMap<String, String>,
}

/// Blocks of a template, by name.
type Blocks = BTreeMap<&'static str, String>;

fn to_value(blocks: &Blocks) -> Value {
    Value::from_pairs(blocks.iter().map(|(name, text)| (*name, text.as_str())))
}

/// A mail in words.
#[derive(Clone, Debug)]
pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Templates {
    /// The built-in templates, and over them those in `folder`.
    ///
    /// # Errors
    /// The file and the line of a template that does not work.
    pub(crate) fn load(folder: Option<&Path>, default_locale: &str) -> Result<Self, String> {
        let mut sources = sources(folder)?;
        let locales = locales(&sources);
        let default_locale = default_locale.to_ascii_lowercase();
        if !locales.contains(&default_locale) {
            let known = locales.iter().cloned().collect::<Vec<_>>().join(", ");
            return Err(format!(
                "notifier.default_locale: there are templates in {known}, not in {default_locale}"
            ));
        }
        let html = to_html(&sources[FRAME])?;
        sources.insert(
            HTML_FRAME.to_owned(),
            Source { text: html, place: format!("{} as HTML", sources[FRAME].place) },
        );

        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| match name {
            HTML_FRAME | FRAME => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        let mut places = BTreeMap::new();
        for (name, source) in sources {
            places.insert(name.clone(), source.place);
            let added = environment.add_template_owned(name, source.text);
            added.map_err(|error| explain(&places, &error))?;
        }
        let templates = Self { environment, locales, default_locale, places };
        templates.try_out()?;
        Ok(templates)
    }

    /// The languages, in order.
    pub(crate) fn locales(&self) -> impl Iterator<Item = &str> {
        self.locales.iter().map(String::as_str)
    }

    /// The language for a reader who asks for `locale`: that, or the nearest wider one (`fr` for `fr-CA`), or the default.
    pub(crate) fn locale(&self, locale: &str) -> &str {
        let asked = locale.to_ascii_lowercase().replace('_', "-");
        let mut tag = asked.as_str();
        loop {
            if let Some(found) = self.locales.get(tag) {
                return found;
            }
            match tag.rsplit_once('-') {
                Some((wider, _)) => tag = wider,
                None => return &self.default_locale,
            }
        }
    }

    /// A mail of `kind` for a reader of `locale`, with the image at `image` if there is one.
    ///
    /// # Errors
    /// A template that does not work, with file and line.
    pub(crate) fn render(
        &self,
        kind: Kind,
        locale: &str,
        words: &Words,
        image: &str,
    ) -> Result<Rendered, String> {
        let locale = self.locale(locale);
        let rendered = self.words(kind, locale, words, image).and_then(|(subject, words)| {
            let whole = |name: &str| self.environment.get_template(name)?.render(&words);
            Ok(Rendered { subject, text: whole(TEXT_FRAME)?, html: whole(HTML_FRAME)? })
        });
        rendered.map_err(|error| explain(&self.places, &error))
    }

    /// The subject, and all that the frames speak of.
    fn words(
        &self,
        kind: Kind,
        locale: &str,
        words: &Words,
        image: &str,
    ) -> Result<(String, Value), minijinja::Error> {
        let common = format!("{locale}/{COMMON}.jinja");
        let dated = context! {
            until => self.date(&common, words.until, words)?,
            unlock => self.date(&common, words.unlock, words)?,
            ..words.to_value()
        };
        let file = format!("{locale}/{}.jinja", kind.name());
        let own = self.blocks(&file, &["subject", "heading", "text", "button", "after"], dated.clone())?;
        let shared = ["hello", "message_note", "button_note", "link_note", "footer"];
        let common =
            self.blocks(&common, &shared, context! { at => Moment::BEGIN.to_value(), ..dated.clone() })?;
        let all = context! {
            locale,
            image,
            text => paragraphs(&own["text"]),
            after => paragraphs(&own["after"]),
            ..merge_maps([to_value(&own), to_value(&common), dated])
        };
        Ok((own["subject"].clone(), all))
    }

    /// A moment as a language writes it. Empty if there is none.
    fn date(&self, common: &str, seconds: Option<i64>, words: &Words) -> Result<String, minijinja::Error> {
        let Some(at) = seconds.and_then(Moment::at) else { return Ok(String::new()) };
        // A template is written as a whole before one of its blocks is, so that the other blocks need their words too.
        let words = context! { at => at.to_value(), until => "", unlock => "", ..words.to_value() };
        Ok(self.blocks(common, &["date"], words)?.remove("date").unwrap_or_default())
    }

    /// The blocks of a template, without the space around them.
    fn blocks(&self, name: &str, blocks: &[&'static str], words: Value) -> Result<Blocks, minijinja::Error> {
        let mut template = self.environment.get_template(name)?.render_captured(words)?;
        let mut written = Blocks::new();
        for block in blocks {
            let text = template.with_state_mut(|state| state.render_block(block))?;
            written.insert(block, text.trim().to_owned());
        }
        Ok(written)
    }

    /// Writes every kind of mail in every language once, fully and with as little as can be.
    fn try_out(&self) -> Result<(), String> {
        for locale in &self.locales {
            for (kind, _, words) in samples::all() {
                let image = if words.places.is_empty() { "" } else { "cid:image" };
                // Before it is HTML, where lines are others.
                let as_it_is = self.words(kind, locale, &words, image);
                let as_it_is =
                    as_it_is.and_then(|(_, words)| self.environment.get_template(FRAME)?.render(words));
                as_it_is.map_err(|error| explain(&self.places, &error))?;
                let rendered = self.render(kind, locale, &words, image)?;
                if rendered.subject.is_empty() {
                    let place = &self.places[&format!("{locale}/{}.jinja", kind.name())];
                    return Err(format!("{place}: the block `subject` must not be empty"));
                }
            }
        }
        Ok(())
    }
}

/// A block as paragraphs: lines go on, and empty lines part.
fn paragraphs(text: &str) -> Vec<String> {
    let joined = |paragraph: &str| paragraph.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    text.split("\n\n").map(joined).filter(|paragraph| !paragraph.is_empty()).collect()
}

/// What is wrong with a template, and where.
fn explain(places: &BTreeMap<String, String>, error: &minijinja::Error) -> String {
    let name = error.name().unwrap_or_default();
    let place = places.get(name).map_or(name, String::as_str);
    let detail = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => "it speaks of something that there is not".to_owned(),
        (kind, None) => kind.to_string(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
    };
    match error.line() {
        Some(line) => format!("{place}:{line}: {detail}"),
        None => format!("{place}: {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH_FRAME: &str = include_str!("../../templates/en/frame.jinja");

    /// A folder of its own with these files.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn with(files: &[(&str, &str)]) -> Self {
            let folder =
                std::env::temp_dir().join(format!("usher-templates-{}", uuid::Uuid::new_v4().simple()));
            for (name, text) in files {
                let path = folder.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        fn complaint(&self) -> String {
            Templates::load(Some(&self.0), "en").err().unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_reader_gets_the_nearest_language() {
        let templates = Templates::load(None, "en").unwrap();
        for (asked, got) in [
            ("fr-CA", "fr"),
            ("fr", "fr"),
            ("DE-ch", "de"),
            ("es_MX", "es"),
            ("pt-BR", "en"),
            ("", "en"),
            ("frr", "en"),
        ] {
            assert_eq!(templates.locale(asked), got, "{asked}");
        }
        assert_eq!(Templates::load(None, "de").unwrap().locale("pt"), "de");
        assert!(Templates::load(None, "pt").err().unwrap().starts_with("notifier.default_locale"));
    }

    #[test]
    fn every_language_says_something_else() {
        let templates = Templates::load(None, "en").unwrap();
        for (kind, _, words) in samples::all() {
            let mut subjects = BTreeSet::new();
            for locale in ["en", "fr", "de", "es"] {
                let rendered = templates.render(kind, locale, &words, "").unwrap();
                assert!(rendered.html.contains(&format!("lang=\"{locale}\"")));
                if !words.link.is_empty() {
                    assert!(rendered.html.contains(&words.link) && rendered.text.contains(&words.link));
                }
                subjects.insert(rendered.subject);
            }
            assert_eq!(subjects.len(), 4, "{kind:?}: {subjects:?}");
        }
    }

    #[test]
    fn words_of_people_are_text_in_html() {
        let templates = Templates::load(None, "en").unwrap();
        let mut words = samples::invitation();
        words.inviter = "<a href=x>Click</a><script>".to_owned();
        words.message = vec!["<img src=x> & {{ link }}".to_owned()];
        let html = templates.render(Kind::Invitation, "en", &words, "").unwrap().html;
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("&lt;img src=x&gt; &amp; {{ link }}"), "{html}");
        assert!(!html.contains("fonts.googleapis.com"), "a mail loads nothing from others");
    }

    #[test]
    fn operators_replace_words_and_add_languages() {
        let words = "{% block subject %}Come in{% endblock %}{% block heading %}x{% endblock %}{% block text %}y{% endblock %}\
                     {% block button %}z{% endblock %}{% block after %}{% endblock %}";
        let folder = Folder::with(&[("en/invitation.jinja", words)]);
        let templates = Templates::load(Some(&folder.0), "en").unwrap();
        let subject =
            |locale| templates.render(Kind::Invitation, locale, &samples::invitation(), "").unwrap().subject;
        assert_eq!(subject("en"), "Come in");
        assert!(subject("de").contains("lädt"));

        let frame = ENGLISH_FRAME;
        let files: Vec<(String, &str)> =
            Kind::ALL.iter().map(|kind| (format!("nl/{}.jinja", kind.name()), words)).collect();
        let mut files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        assert_eq!(
            Folder::with(&files).complaint(),
            "notifier.templates_directory: nl/frame.jinja is missing"
        );
        files.push(("nl/frame.jinja", frame));
        let folder = Folder::with(&files);
        assert_eq!(Templates::load(Some(&folder.0), "en").unwrap().locale("nl-BE"), "nl");
    }

    #[test]
    fn a_wrong_template_is_named_with_its_line() {
        let broken = include_str!("../../templates/fr/invitation.jinja")
            .replace("{% block text %}", "{% block text %}\n\n{{ nobody }}");
        let unclosed = "{% block subject %}\n{{ oops\n{% endblock %}";
        let mjml = include_str!("../../templates/mail.mjml");
        let element = mjml.replace("<mj-divider", "<mj-nonsense");
        let unclosed_tag = mjml.replace("</mj-head>", "");
        let unknown = mjml.replace("{{ footer }}", "{{ header }}");
        for (name, text, expected) in [
            ("fr/invitation.jinja", broken.as_str(), "fr/invitation.jinja:5: "),
            ("en/reminder.jinja", unclosed, "en/reminder.jinja:3: "),
            ("mail.mjml", &element, "mail.mjml:43: not MJML: "),
            ("mail.mjml", &unclosed_tag, "mail.mjml"),
            ("mail.mjml", &unknown, "mail.mjml:50: "),
            ("mail.txt", "{{ greeting }}", "mail.txt:1: "),
            ("en/welcome.jinja", "", "en/welcome.jinja: there is no template of this name"),
            ("english/invitation.jinja", "", "english: there is no template of this name"),
        ] {
            let complaint = Folder::with(&[(name, text)]).complaint();
            assert!(complaint.contains(expected), "{name}: {complaint}");
        }
    }
}
