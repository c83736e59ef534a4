//! Stories across services, told as the people in them would.

mod joining;
mod mailing;
mod tracing;
