use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{LookupUserRequest, User};

use super::get;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};

async fn look_up(caller: &Caller, email: &str) -> Result<User, Status> {
    let request = LookupUserRequest { email: email.to_owned() };
    Ok(caller.identity().lookup_user(request).await?.into_inner().user.expect("it comes"))
}

#[tokio::test]
async fn finds_an_account_by_any_spelling_of_its_address() {
    let (service, zoe) = (Caller::nobody().service("invitation"), Person::new("Zoë").await);
    let expected = get(&zoe.caller, "users/me").await.unwrap();
    for spelling in [
        zoe.email.clone(),
        zoe.email.to_uppercase(),
        zoe.email.replace("Zoë", "zoe\u{308}"),
        format!(" {}\t", zoe.email),
    ] {
        assert_eq!(look_up(&service, &spelling).await.unwrap(), expected, "{spelling}");
    }
}

#[tokio::test]
async fn tells_addresses_apart_that_mail_hosts_may_take_for_one() {
    let (service, mira) = (Caller::nobody().service("invitation"), Person::new("mira").await);
    let nobody = address("nobody");
    for other in [mira.email.replace("mira.", "mi.ra."), mira.email.replace('@', "+soc@"), nobody] {
        let metadata = refused(look_up(&service, &other).await, Code::NotFound, "USER_NOT_FOUND");
        assert_eq!(metadata["user"], other);
    }
}

#[tokio::test]
async fn refuses_what_is_not_one_address() {
    let service = Caller::nobody().service("invitation");
    for email in ["", "mira", "mira@", "mira@localhost", "mira@example.test,noor@example.test"] {
        refused_fields(look_up(&service, email).await, &["email"]);
    }
}

#[tokio::test]
async fn is_for_the_invitation_service_alone() {
    let (nobody, mira, admin) = (Caller::nobody(), Person::new("mira").await, admin().await);
    refused(look_up(&nobody, &mira.email).await, Code::Unauthenticated, "TOKEN_MISSING");
    for caller in [&mira.caller, &admin.caller, &nobody.service("alerts")] {
        let metadata =
            refused(look_up(caller, &mira.email).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
        assert_eq!(metadata["method"], "usher.identity.v1.IdentityService.LookupUser");
    }
}
