use std::process::{Command, Output};

use sandbox::{current, program};
use uuid::Uuid;

fn preview(settings: &str) -> (std::path::PathBuf, Output) {
    let folder = current().folder.join(format!("preview-{}", Uuid::new_v4().simple()));
    std::fs::create_dir_all(folder.join("templates/fr")).unwrap();
    let broken = "{% block subject %}\n{{ nobody }}\n{% endblock %}";
    std::fs::write(folder.join("templates/fr/reminder.jinja"), broken).unwrap();
    let config = folder.join("usher.toml");
    std::fs::write(&config, settings.replace("HERE", &folder.to_string_lossy())).unwrap();
    let mut command = Command::new(program());
    command.args(["mail", "preview", "--directory"]).arg(folder.join("mails")).arg("--config").arg(config);
    (folder, command.output().unwrap())
}

#[test]
fn every_mail_in_every_language_can_be_looked_at() {
    let (folder, output) = preview("");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (file, words) in [
        ("en/invitation.html", "Join your new community"),
        ("en/invitation-existing-account.txt", "You have an account with this address already"),
        ("fr/password_reset.html", "Choisir un nouveau mot de passe"),
        ("de/delivery_failed.txt", "Der Mailserver von"),
        ("es/two_factor_reset.txt", "código de recuperación"),
    ] {
        let text = std::fs::read_to_string(folder.join("mails").join(file)).unwrap();
        assert!(text.contains(words), "{file}: {text}");
        assert!(!text.contains("{{") && !text.contains("{%"), "{file}: {text}");
    }
}

#[test]
fn a_wrong_template_is_named_with_its_line() {
    let (_, output) = preview("[notifier]\ntemplates_directory = \"HERE/templates\"\n");
    let wrote = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && wrote.contains("templates/fr/reminder.jinja:2: "), "{wrote}");
}
