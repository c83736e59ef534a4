//! A wrong or missing setting ends the start and is named.

use std::process::Command;

use sandbox::program;
use sandbox::{Service, current};
use uuid::Uuid;

/// What `serve` writes when its settings are those of the running notifier with `from` replaced by `to`.
fn complaint(service: Service, from: &str, to: &str) -> String {
    let suite = current();
    let good = std::fs::read_to_string(suite.folder.join(format!("{}-0.toml", service.name()))).unwrap();
    assert!(good.contains(from), "{from} is not in\n{good}");
    let file = suite.folder.join(format!("{}.toml", Uuid::new_v4().simple()));
    std::fs::write(&file, good.replace(from, to)).unwrap();
    let output = Command::new(program())
        .args(["serve", "--services", service.name(), "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(!output.status.success(), "it must not start");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_missing_peer_is_named() {
    let own = &current().endpoints[&Service::Identity][0];
    let wrote = complaint(Service::Invitation, &format!("identity = \"{own}\"\n"), "");
    assert!(wrote.contains("peers.identity"), "{wrote}");
}

#[test]
fn a_missing_mail_server_is_named() {
    let wrote = complaint(Service::Notifier, "[notifier.smtp]", "[telemetry.unused]");
    assert!(wrote.contains("notifier") || wrote.contains("telemetry"), "{wrote}");
}

#[test]
fn authorities_of_webhooks_that_cannot_be_read_are_named() {
    let file = current().folder.join(format!("{}.pem", Uuid::new_v4().simple()));
    let setting = format!("webhooks.authority_file = \"{}\"\nwebhooks.allow_private", file.display());
    for (text, why) in
        [(None, "No such file"), (Some(""), "no certificate"), (Some("-----BEGIN CERTIFICATE-----\n!"), "")]
    {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let wrote = complaint(Service::Notifier, "webhooks.allow_private", &setting);
        assert!(wrote.contains("notifier.webhooks.authority_file") && wrote.contains(why), "{wrote}");
    }
}

#[test]
fn a_template_that_does_not_work_is_named() {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir_all(folder.join("fr")).unwrap();
    let broken = "{% block subject %}\n{{ nobody }}\n{% endblock %}";
    std::fs::write(folder.join("fr/reminder.jinja"), broken).unwrap();
    let setting = format!("templates_directory = \"{}\"\nmail_acceptances", folder.display());
    let wrote = complaint(Service::Notifier, "mail_acceptances", &setting);
    assert!(wrote.contains(&format!("{}/fr/reminder.jinja:2: ", folder.display())), "{wrote}");
}

#[test]
fn an_unknown_setting_is_named() {
    let wrote = complaint(Service::Identity, "[server]", "[server]\nadress = \"127.0.0.1:1\"");
    assert!(wrote.contains("adress"), "{wrote}");
}

#[test]
fn an_in_process_bus_between_processes_is_refused() {
    let wrote = complaint(Service::Invitation, "nats_url", "# nats_url");
    assert!(wrote.contains("events.nats_url"), "{wrote}");
}

#[test]
fn a_database_that_was_not_migrated_is_told() {
    let url = &current().databases[&Service::Identity];
    let file = current().folder.join(format!("{}.db", Uuid::new_v4().simple()));
    let wrote = complaint(Service::Identity, url, &format!("sqlite://{}?mode=rwc", file.display()));
    assert!(wrote.contains("usher migrate"), "{wrote}");
}

#[test]
fn mail_in_the_clear_is_refused_beyond_this_machine() {
    let wrote = complaint(Service::Notifier, "host = \"127.0.0.1\"", "host = \"mail.example\"");
    assert!(wrote.contains("notifier.smtp.tls"), "{wrote}");
}

#[test]
fn a_page_outside_the_domain_of_passkeys_is_named() {
    let origins =
        "[identity.passkeys]\norigins = [\"https://usher.test\", \"https://elsewhere.test\"]\n\n[server]";
    let wrote = complaint(Service::Identity, "[server]", origins);
    assert!(wrote.contains("identity.passkeys.origins") && wrote.contains("elsewhere.test"), "{wrote}");
}
