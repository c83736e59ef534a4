//! What operators decide about mails: their words, and whether inviters hear of acceptances.

use std::path::PathBuf;

use sandbox::{Caller, Database, Options, Service, Suite, Topology, current, until};
use usher_api::invitation::{AcceptInvitationRequest, Registration};
use uuid::Uuid;

use crate::support::address;
use crate::support::mail::{Mail, mails};
use crate::support::people::{PASSWORD, Person, TERMS, admin_of};
use crate::support::tree::{grant, managed, offer};

fn new_folder() -> PathBuf {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    folder
}

async fn start(options: &Options) -> Suite {
    Suite::start(&new_folder(), options).await.unwrap()
}

fn together() -> Options {
    Options::new(Database::Sqlite, Topology::Together)
}

async fn invite(admin: &Person, community: &str, email: &str) {
    let mut request = offer(community, email, vec![grant(community, &["guest"])]);
    request.notify = None;
    admin.caller.invitation().create_invitation(request).await.unwrap();
}

/// Waits for a mail to `email` with a subject that contains `words`.
async fn about(suite: &Suite, email: &str, words: &str) -> Mail {
    until(&format!("a mail to {email} about {words} arrives"), || async {
        mails(&suite.description.mailbox, email).into_iter().find(|mail| mail.subject.contains(words))
    })
    .await
}

#[tokio::test]
async fn mails_have_the_words_of_the_operator() {
    let folder = new_folder();
    std::fs::create_dir(folder.join("en")).unwrap();
    let built_in = include_str!("../../../crates/notifier/templates/en/invitation.jinja");
    let own = built_in.replace("Join your new community", "Come in by this door");
    assert_ne!(own, built_in);
    std::fs::write(folder.join("en/invitation.jinja"), own).unwrap();
    let setting = format!("templates_directory = \"{}\"", folder.display());
    let suite = start(&together().with("notifier", &setting)).await;
    let (admin, email) = (admin_of(&suite.description).await, address("guest"));
    invite(&admin, &managed(&admin).await, &email).await;
    let mail = about(&suite, &email, "invites you").await;
    assert!(mail.html.contains("Come in by this door"), "{}", mail.html);
    assert!(!mail.html.contains("Join your new community"), "{}", mail.html);
}

#[tokio::test]
async fn inviters_are_not_mailed_about_acceptances_unless_that_is_set() {
    let mut suite = start(&together()).await;
    let file = suite.description.settings_file(Service::ALL[0], 0);
    let settings = std::fs::read_to_string(&file).unwrap();
    assert!(settings.contains("mail_acceptances = true\n"), "{settings}");
    std::fs::write(&file, settings.replace("mail_acceptances = true\n", "")).unwrap();
    suite.processes.get_mut(&Service::ALL[0]).unwrap()[0].crash();
    suite.processes.get_mut(&Service::ALL[0]).unwrap()[0] = suite.process(Service::ALL[0], 0).unwrap();
    suite.ready().await;

    let (admin, guest) = (admin_of(&suite.description).await, address("guest"));
    let community = managed(&admin).await;
    invite(&admin, &community, &guest).await;
    let token = about(&suite, &guest, "invites you").await.token();
    let registration = Some(Registration {
        full_name: "Noor Haddad".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: TERMS.to_owned(),
        ..Registration::default()
    });
    let request = AcceptInvitationRequest { token, registration, ..AcceptInvitationRequest::default() };
    Caller::nobody_at(&suite.description).invitation().accept_invitation(request).await.unwrap();
    // This comes of a later event, by the same way.
    invite(&admin, &community, &address("refuse-550")).await;
    let inviter = &suite.description.admin_email;
    about(&suite, inviter, "did not reach").await;
    let subjects: Vec<_> =
        mails(&suite.description.mailbox, inviter).into_iter().map(|it| it.subject).collect();
    assert!(!subjects.iter().any(|subject| subject.contains("has joined")), "{subjects:?}");
}
