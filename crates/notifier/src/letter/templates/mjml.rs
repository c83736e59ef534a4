//! From MJML, in which the frame is written, to the HTML that readers get.

use mrml::prelude::parser::Error as MjmlError;
use mrml::prelude::render::RenderOptions;

use super::source::Source;

/// The HTML of a frame in MJML. What is between braces passes through.
pub(super) fn to_html(frame: &Source) -> Result<String, String> {
    let place = |offset: usize| {
        let line = frame.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        format!("{}:{line}", frame.place)
    };
    let parsed = mrml::parse(&frame.text).map_err(|error| {
        let at = position(&error).map_or_else(|| frame.place.clone(), place);
        format!("{at}: not MJML: {error}")
    })?;
    if let Some(warning) = parsed.warnings.first() {
        return Err(format!("{}: not MJML: {}", place(warning.span.start), warning.kind.as_str()));
    }
    if let Some(tag) = unknown_tag(&frame.text) {
        return Err(format!("{}: not MJML: there is no such element", place(tag)));
    }
    // Without fonts of others: reading a mail must tell nobody else of it.
    let options = RenderOptions { fonts: std::collections::HashMap::new(), ..RenderOptions::default() };
    parsed.element.render(&options).map_err(|error| format!("{}: {error}", frame.place))
}

/// Elements of MJML that are used here or may be. What is unknown would pass through to readers as it is.
const TAGS: [&str; 25] = [
    "mjml",
    "mj-head",
    "mj-title",
    "mj-preview",
    "mj-attributes",
    "mj-all",
    "mj-class",
    "mj-style",
    "mj-font",
    "mj-breakpoint",
    "mj-body",
    "mj-wrapper",
    "mj-section",
    "mj-group",
    "mj-column",
    "mj-text",
    "mj-image",
    "mj-button",
    "mj-divider",
    "mj-spacer",
    "mj-table",
    "mj-raw",
    "mj-social",
    "mj-social-element",
    "mj-hero",
];

/// Where an element of MJML is that there is not.
fn unknown_tag(text: &str) -> Option<usize> {
    let is_known = |rest: &str| {
        let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || character == '-'));
        TAGS.contains(&&rest[..end.unwrap_or(rest.len())])
    };
    text.match_indices("<mj").map(|(place, _)| place).find(|place| !is_known(&text[place + 1..]))
}

fn position(error: &MjmlError) -> Option<usize> {
    match error {
        MjmlError::UnexpectedElement { position, .. }
        | MjmlError::UnexpectedToken { position, .. }
        | MjmlError::MissingAttribute { position, .. }
        | MjmlError::InvalidAttribute { position, .. }
        | MjmlError::InvalidFormat { position, .. }
        | MjmlError::IncludeLoaderError { position, .. } => Some(position.start),
        MjmlError::EndOfStream { .. }
        | MjmlError::SizeLimit { .. }
        | MjmlError::ParserError { .. }
        | MjmlError::NoRootNode => None,
    }
}
