//! Fields that requests of several services have. Functions note what is wrong and go on, so that the caller learns all of it at
//! once.

use std::collections::BTreeSet;

use prost_types::FieldMask;
use unicode_normalization::UnicodeNormalization as _;

use crate::keyset::Direction;
use crate::{Failure, Violations};

/// The value of a field without which nothing can be judged, or all that is wrong with the request.
pub fn required<T>(parsed: Option<T>, violations: &mut Violations) -> Result<T, Failure> {
    let Some(value) = parsed else {
        std::mem::take(violations).finish()?;
        return Err(Failure::internal("a field was neither read nor called wrong"));
    };
    Ok(value)
}

/// The form of a name to compare and to order by: people take `Réviseur` and `RÉVISEUR` for the same, however they are encoded.
#[must_use]
pub fn name_key(name: &str) -> String {
    name.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// What a search looks through, for something with a name and a description.
#[must_use]
pub fn search_key(name: &str, description: &str) -> String {
    name_key(&format!("{name}\n{description}"))
}

/// The longest text to search for.
const SEARCH_LENGTH: std::ops::RangeInclusive<usize> = 0..=100;

/// The field `search`, in the form of keys. `None` if nothing is searched for.
pub fn search(text: &str, violations: &mut Violations) -> Option<String> {
    let text = violations.text("search", text, SEARCH_LENGTH);
    Some(name_key(&text)).filter(|text| !text.is_empty())
}

/// The field `order_by`: one of `orders`, the first if it is empty, and which way.
pub fn order_by<T: Copy>(
    text: &str,
    orders: &[(&str, T)],
    violations: &mut Violations,
) -> Option<(T, Direction)> {
    let (field, direction) = text
        .trim()
        .strip_suffix(" desc")
        .map_or((text.trim(), Direction::Ascending), |field| (field, Direction::Descending));
    let order = match field {
        "" if direction == Direction::Ascending => orders.first(),
        field => orders.iter().find(|(name, _)| *name == field),
    };
    let names = orders.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    violations.require(
        order.is_some(),
        "order_by",
        format_args!("must be one of {names}, or this and ` desc`"),
    );
    order.map(|(_, order)| (*order, direction))
}

/// The fields that an update changes: those of the mask, or, without one, those of `filled`, which are set in the request.
pub fn update_mask<'f>(
    mask: Option<&FieldMask>,
    fields: &[&'f str],
    filled: impl Fn(&str) -> bool,
    violations: &mut Violations,
) -> BTreeSet<&'f str> {
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.is_empty() {
        return fields.iter().copied().filter(|field| filled(field)).collect();
    }
    let mut named = BTreeSet::new();
    for path in paths {
        match fields.iter().find(|field| *field == path) {
            Some(field) => {
                named.insert(*field);
            }
            None => {
                violations
                    .add("update_mask", format_args!("must not name `{path}`, which cannot be changed"));
            }
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_key() {
        assert_eq!(name_key("Re\u{301}viseur"), name_key("RÉVISEUR"));
        assert_ne!(name_key("Reviseur"), name_key("Réviseur"));
    }

    #[test]
    fn lists_are_ordered_by_a_known_field() {
        let orders = [("display_name", 1), ("create_time", 2)];
        let read = |text: &str| {
            let mut violations = Violations::default();
            let order = order_by(text, &orders, &mut violations);
            (order, violations.iter().count())
        };
        assert_eq!(read(""), (Some((1, Direction::Ascending)), 0));
        assert_eq!(read("create_time desc"), (Some((2, Direction::Descending)), 0));
        for wrong in [" desc", "desc", "name", "display_name asc", "display_name, create_time"] {
            assert_eq!(read(wrong).1, 1, "{wrong}");
        }
    }

    #[test]
    fn a_mask_names_only_what_can_be_changed() {
        let fields = ["display_name", "description"];
        let mut violations = Violations::default();
        let filled = update_mask(None, &fields, |field| field == "description", &mut violations);
        assert_eq!(filled, BTreeSet::from(["description"]));
        let mask = FieldMask { paths: vec!["display_name".to_owned(), "kind".to_owned()] };
        let named = update_mask(Some(&mask), &fields, |_| true, &mut violations);
        assert_eq!((named, violations.iter().count()), (BTreeSet::from(["display_name"]), 1));
    }

    #[test]
    fn tells_all_faults_when_one_field_cannot_be_done_without() {
        let mut violations = Violations::default();
        violations.add("page_size", "must not be negative");
        violations.add("parent", "must be a name");
        let refused = required(None::<u8>, &mut violations);
        assert!(matches!(refused, Err(Failure::InvalidFields(all)) if all.iter().count() == 2));
    }
}
