//! The program as its operators meet it: the story, the settings, the signals. It starts what it needs itself, so these run
//! once, not in every combination.

mod dev;
mod mail_preview;
mod mail_settings;
mod metrics;
mod nats_accounts;
mod outbox;
mod query_plans;
mod seeding;
mod settings;
mod signing_keys;
mod stopping;
