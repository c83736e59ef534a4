//! Stories across services, told as the people in them would.

mod events;
mod joining;
mod mailing;
mod tracing;
