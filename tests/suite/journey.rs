//! Stories across services, told as the people in them would.

mod community_events;
mod events;
mod joining;
mod mailing;
mod tracing;
