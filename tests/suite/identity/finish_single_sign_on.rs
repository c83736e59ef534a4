use sandbox::{Caller, until};
use serde_json::json;
use tonic::Code;
use usher_api::community::{
    CommunitySettings, EmailDomains, ListMembersRequest, UpdateCommunitySettingsRequest,
};
use usher_api::identity::{ConnectionState, FinishSingleSignOnRequest};
use usher_api::invitation::{GetInvitationRequest, InvitationState, RevokeReason};
use uuid::Uuid;

use super::{change_row, get, id};
use crate::support::acts::suspend_community;
use crate::support::address;
use crate::support::oidc::{
    Identity, Provider, accounts_of, connection, domain, finish, lie, sign_in, start, update,
};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::unprove_mailbox;
use crate::support::tree::{grant, invite, managed, token};

#[tokio::test]
async fn makes_an_account_and_a_member() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));

    let answer = sign_in(&nobody, &provider, &connection, &mira).await.unwrap();
    assert!(answer.created);
    let credentials = answer.credentials.unwrap();
    let user = get(&nobody.bearing(&credentials.access_token), "users/me").await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), (mira.email.as_str(), true));
    assert_eq!(user.full_name, "Mira Okafor");
    assert_eq!(user.authentication_methods, ["single_sign_on"]);
    is_member(&admin, &community, &user.name, true).await;

    // The second time, it is the same account, whatever the provider says of the address.
    let later = Identity { email: address("mira"), email_verified: false, ..mira };
    let again = sign_in(&nobody, &provider, &connection, &later).await.unwrap();
    assert_eq!((again.created, again.credentials.unwrap().user), (false, user.name));
}

/// Waits until `user` is a member, or requires that he is none.
async fn is_member(admin: &Person, community: &str, user: &str, expected: bool) {
    let listed = async || {
        let request = ListMembersRequest { parent: community.to_owned(), ..ListMembersRequest::default() };
        let members = admin.caller.community().list_members(request).await.unwrap().into_inner().members;
        let member = members.into_iter().find(|member| member.user == user)?;
        assert_eq!(member.roles.len(), 1);
        assert_eq!(member.roles[0].role, format!("{community}/roles/guest"));
        Some(())
    };
    if expected {
        until("the person is a member", listed).await;
    } else {
        assert!(listed().await.is_none());
    }
}

#[tokio::test]
async fn a_state_and_a_code_serve_once() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));
    let begun = start(&nobody, &connection).await.unwrap();
    let back = provider.walk(&begun, &mira).await;
    finish(&nobody, &begun.state, &back["code"]).await.unwrap();
    let again = finish(&nobody, &begun.state, &back["code"]).await;
    refused(again, Code::Unauthenticated, "SIGN_ON_STATE_INVALID");
    // The provider, too, sees a code once; and it belongs to the verifier of its own sign-in.
    let other = start(&nobody, &connection).await.unwrap();
    let again = finish(&nobody, &other.state, &back["code"]).await;
    refused(again, Code::Unauthenticated, "PROVIDER_REFUSED");
    let (victim, thief) =
        (start(&nobody, &connection).await.unwrap(), start(&nobody, &connection).await.unwrap());
    let code = provider.walk(&victim, &mira).await["code"].clone();
    refused(finish(&nobody, &thief.state, &code).await, Code::Unauthenticated, "PROVIDER_REFUSED");
}

#[tokio::test]
async fn a_state_belongs_to_its_connection() {
    let (admin, first, second) = (admin().await, Provider::real().await, Provider::real().await);
    let domain = domain();
    let community = managed(&admin).await;
    let here = connection(&admin, &community, &first, &[&domain]).await;
    let there = connection(&admin, &community, &second, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));
    let (begun_here, begun_there) =
        (start(&nobody, &here).await.unwrap(), start(&nobody, &there).await.unwrap());
    let back = second.walk(&begun_there, &mira).await;
    refused(
        finish(&nobody, &begun_here.state, &back["code"]).await,
        Code::Unauthenticated,
        "PROVIDER_REFUSED",
    );
    // The provider says who it is; that decides before anything is sent to the wrong one.
    let request = FinishSingleSignOnRequest {
        state: start(&nobody, &here).await.unwrap().state,
        code: back["code"].clone(),
        issuer: back["iss"].clone(),
        device: String::new(),
    };
    let mixed = nobody.identity().finish_single_sign_on(request).await;
    refused(mixed, Code::Unauthenticated, "PROVIDER_REFUSED");
    assert_eq!(accounts_of(&mira.email).await, 0);
}

#[tokio::test]
async fn believes_only_tokens_for_this_sign_in_that_the_provider_signed() {
    let (admin, provider, domain) = (admin().await, Provider::liar().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));
    let lies = [
        (json!({"iss": "http://127.0.0.1:1"}), "published"),
        (json!({"aud": "somebody else"}), "published"),
        (json!({"aud": ["usher", "somebody else"]}), "published"),
        (json!({"nonce": "another"}), "published"),
        (json!({"nonce": null}), "published"),
        (json!({"exp": 1_000_000_000}), "published"),
        (json!({"exp": null}), "published"),
        (json!({"sub": ""}), "published"),
        (json!({"sub": "x".repeat(256)}), "published"),
        (json!({}), "other"),
        (json!({}), "secret"),
        (json!({}), "none"),
    ];
    for (claims, key) in lies {
        let begun = start(&nobody, &connection).await.unwrap();
        let code = lie(&provider, &begun, &mira, &claims, key);
        let answer = finish(&nobody, &begun.state, &code).await;
        let status = answer.expect_err(&format!("{claims} by {key} must be refused"));
        let reason = crate::support::refusal::reason(&status);
        assert!(
            ["PROVIDER_REFUSED", "PROVIDER_UNAVAILABLE"].contains(&reason.as_str()),
            "{claims} {key} {reason}"
        );
    }
    assert_eq!(accounts_of(&mira.email).await, 0);
    let begun = start(&nobody, &connection).await.unwrap();
    let truth = lie(&provider, &begun, &mira, &json!({}), "published");
    assert!(finish(&nobody, &begun.state, &truth).await.unwrap().created);
}

#[tokio::test]
async fn believes_a_provider_for_verified_addresses_of_its_domains() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let nobody = Caller::nobody();
    let unverified = Identity { email_verified: false, ..Identity::new(&domain) };
    let answer = sign_in(&nobody, &provider, &connection, &unverified).await;
    refused(answer, Code::PermissionDenied, "PROVIDER_EMAIL_NOT_VERIFIED");
    for foreign in [format!("inner.{domain}"), format!("x{domain}"), "elsewhere.test".to_owned()] {
        let answer = sign_in(&nobody, &provider, &connection, &Identity::new(&foreign)).await;
        let metadata = refused(answer, Code::PermissionDenied, "PROVIDER_NOT_BELIEVED");
        assert_eq!(metadata["domain"], foreign);
    }
}

#[tokio::test]
async fn takes_over_no_account_that_is_there() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, identity) = (Caller::nobody(), Identity::new(&domain));
    let mira = Person::with_email(&nobody, &identity.email.to_uppercase()).await;
    let answer = sign_in(&nobody, &provider, &connection, &identity).await;
    refused(answer, Code::FailedPrecondition, "LINK_NEEDS_SIGN_IN");
    change_row("UPDATE account SET email_verified = false WHERE id = $1", [id(&mira.name).into()]).await;
    let answer = sign_in(&nobody, &provider, &connection, &identity).await;
    refused(answer, Code::FailedPrecondition, "LINK_NEEDS_SIGN_IN");
    let answer = sign_in(&mira.caller, &provider, &connection, &identity).await;
    refused(answer, Code::PermissionDenied, "LINK_REFUSED");
    change_row("UPDATE account SET email_verified = true WHERE id = $1", [id(&mira.name).into()]).await;

    // Its person links it, nobody else.
    let other = Person::new("other").await;
    let answer = sign_in(&other.caller, &provider, &connection, &identity).await;
    refused(answer, Code::PermissionDenied, "LINK_REFUSED");
    let answer = sign_in(&mira.caller, &provider, &connection, &identity).await.unwrap();
    assert_eq!((answer.created, answer.credentials.unwrap().user), (false, mira.name.clone()));
    let methods = get(&mira.caller, "users/me").await.unwrap().authentication_methods;
    assert_eq!(methods, ["password", "single_sign_on"]);
    is_member(&admin, &community, &mira.name, true).await;
    let answer = sign_in(&nobody, &provider, &connection, &identity).await.unwrap();
    assert_eq!(answer.credentials.unwrap().user, mira.name);
    let twin = Identity { subject: Uuid::new_v4().simple().to_string(), ..identity.clone() };
    let answer = sign_in(&mira.caller, &provider, &connection, &twin).await;
    refused(answer, Code::PermissionDenied, "LINK_REFUSED");
    let answer = sign_in(&other.caller, &provider, &connection, &identity).await;
    refused(answer, Code::PermissionDenied, "LINK_REFUSED");
}

#[tokio::test]
async fn whoever_began_finishes() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, identity) = (Caller::nobody(), Identity::new(&domain));
    let mira = Person::with_email(&nobody, &identity.email).await;
    for (beginner, finisher) in
        [(&nobody, &mira.caller), (&mira.caller, &nobody), (&admin.caller, &mira.caller)]
    {
        let begun = start(beginner, &connection).await.unwrap();
        let back = provider.walk(&begun, &identity).await;
        let answer = finish(finisher, &begun.state, &back["code"]).await;
        refused(answer, Code::Unauthenticated, "SIGN_ON_STATE_INVALID");
    }
}

#[tokio::test]
async fn comes_too_late_after_ten_minutes() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));
    let begun = start(&nobody, &connection).await.unwrap();
    let back = provider.walk(&begun, &mira).await;
    let late = "UPDATE sign_on SET expire_time = create_time - 1 WHERE connection_id = $1";
    change_row(late, [id(&connection.name).into()]).await;
    let answer = finish(&nobody, &begun.state, &back["code"]).await;
    refused(answer, Code::Unauthenticated, "SIGN_ON_STATE_INVALID");
}

#[tokio::test]
async fn a_connection_that_is_stopped_ends_what_has_begun() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let mut connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));
    let begun = start(&nobody, &connection).await.unwrap();
    let back = provider.walk(&begun, &mira).await;
    connection.set_state(ConnectionState::Disabled);
    connection = update(&admin, &connection, &["state"]).await.unwrap();
    let answer = finish(&nobody, &begun.state, &back["code"]).await;
    refused(answer, Code::FailedPrecondition, "CONNECTION_UNAVAILABLE");
    refused(start(&nobody, &connection).await, Code::FailedPrecondition, "CONNECTION_UNAVAILABLE");
    connection.set_state(ConnectionState::Enabled);
    connection = update(&admin, &connection, &["state"]).await.unwrap();

    let begun = start(&nobody, &connection).await.unwrap();
    let back = provider.walk(&begun, &mira).await;
    suspend_community(&admin, &community).await;
    until("the identity service knows that the community is suspended", async || {
        start(&nobody, &connection).await.err()
    })
    .await;
    let answer = finish(&nobody, &begun.state, &back["code"]).await;
    refused(answer, Code::FailedPrecondition, "CONNECTION_UNAVAILABLE");
    assert_eq!(accounts_of(&mira.email).await, 0);
}

#[tokio::test]
async fn whoever_proves_the_mailbox_of_an_unproven_account_keeps_no_identity_of_another() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, thief) = (Caller::nobody(), Identity::new(&domain));
    let credentials = sign_in(&nobody, &provider, &connection, &thief).await.unwrap().credentials.unwrap();
    unprove_mailbox(&credentials.user).await;
    let mira = Person::with_email(&nobody, &thief.email).await;
    assert_eq!(mira.name, credentials.user);
    let again = sign_in(&nobody, &provider, &connection, &thief).await;
    refused(again, Code::FailedPrecondition, "LINK_NEEDS_SIGN_IN");
}

#[tokio::test]
async fn whoever_was_invited_is_still_asked() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let (community, elsewhere) = (managed(&admin).await, managed(&admin).await);
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));
    let invitation = invite(&admin, &elsewhere, &mira.email, vec![grant(&elsewhere, &["guest"])]).await;
    let credentials = sign_in(&nobody, &provider, &connection, &mira).await.unwrap().credentials.unwrap();
    is_member(&admin, &community, &credentials.user, true).await;
    is_member(&admin, &elsewhere, &credentials.user, false).await;
    let caller = nobody.bearing(&credentials.access_token);
    let request = usher_api::invitation::AcceptInvitationRequest {
        token: token(&admin, &invitation.name).await,
        ..usher_api::invitation::AcceptInvitationRequest::default()
    };
    caller.invitation().accept_invitation(request).await.unwrap();
    is_member(&admin, &elsewhere, &credentials.user, true).await;
}

#[tokio::test]
async fn an_invitation_to_what_he_gets_by_signing_in_is_superseded_and_one_to_more_waits() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira, noor) = (Caller::nobody(), Identity::new(&domain), Identity::new(&domain));
    let same = invite(&admin, &community, &mira.email, vec![grant(&community, &["guest"])]).await;
    let more = invite(&admin, &community, &noor.email, vec![grant(&community, &["analyst"])]).await;
    for person in [&noor, &mira] {
        sign_in(&nobody, &provider, &connection, person).await.unwrap();
    }
    let now = async |name: &str| {
        let request = GetInvitationRequest { name: name.to_owned() };
        let answer = admin.caller.invitation().get_invitation(request).await.unwrap();
        answer.into_inner().invitation.unwrap()
    };
    until("the invitation is superseded", || async {
        (now(&same.name).await.revoke_reason() == RevokeReason::Superseded).then_some(())
    })
    .await;
    assert_eq!(now(&more.name).await.state(), InvitationState::Pending);
}

#[tokio::test]
async fn nobody_becomes_a_member_whose_address_the_community_does_not_allow() {
    let (admin, provider) = (admin().await, Provider::real().await);
    let (allowed, other) = (domain(), domain());
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[&allowed, &other]).await;
    let settings = CommunitySettings {
        name: format!("{community}/settings"),
        allowed_email_domains: Some(EmailDomains { domains: vec![allowed.clone()] }),
        ..CommunitySettings::default()
    };
    let request = UpdateCommunitySettingsRequest {
        settings: Some(settings),
        ..UpdateCommunitySettingsRequest::default()
    };
    admin.caller.community().update_community_settings(request).await.unwrap();
    let nobody = Caller::nobody();
    let mut users = Vec::new();
    for domain in [&other, &allowed] {
        let answer = sign_in(&nobody, &provider, &connection, &Identity::new(domain)).await.unwrap();
        users.push(answer.credentials.unwrap().user);
    }
    // Two memberships were to be decided, the refused one first.
    is_member(&admin, &community, &users[1], true).await;
    is_member(&admin, &community, &users[0], false).await;
}

#[tokio::test]
async fn tells_all_that_is_wrong() {
    let request = FinishSingleSignOnRequest {
        state: String::new(),
        code: String::new(),
        issuer: "x".repeat(501),
        device: "x".repeat(201),
    };
    let answer = Caller::nobody().identity().finish_single_sign_on(request).await;
    refused_fields(answer, &["state", "code", "issuer", "device"]);
    let answer = finish(&Caller::nobody(), "usher_so_nobody", "code").await;
    refused(answer, Code::Unauthenticated, "SIGN_ON_STATE_INVALID");
}
