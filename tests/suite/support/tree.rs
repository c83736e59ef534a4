//! Communities, and ways into them.

use prost_types::Duration;
use sandbox::until;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use usher_api::community::{
    CheckAccessRequest, Community, CommunityKind, CreateCommunityRequest, CreateRoleRequest, Grant, Role,
};
use usher_api::invitation::mint_result::Result as Minted;
use usher_api::invitation::{
    AcceptInvitationRequest, BatchMintInvitationLinksRequest, CreateInvitationRequest, GetInvitationRequest,
    Invitation, InvitationState, MintedLink, ResendInvitationRequest,
};
use uuid::Uuid;

use super::acts::remove_member;
use super::people::Person;
use super::request_id;

/// An MSSP community with managed communities inside, by name.
pub struct Tree {
    /// The MSSP community.
    pub root: String,
    /// The managed communities inside.
    pub inside: Vec<String>,
}

/// Makes an MSSP community with `inside` managed ones, by a platform administrator.
pub async fn mssp(admin: &Person, inside: usize) -> Tree {
    let root = community(admin, CommunityKind::Mssp, "").await;
    let mut names = Vec::new();
    for _ in 0..inside {
        names.push(community(admin, CommunityKind::Managed, &root).await);
    }
    Tree { root, inside: names }
}

/// Makes a managed community at the top.
pub async fn managed(admin: &Person) -> String {
    community(admin, CommunityKind::Managed, "").await
}

/// Makes a community.
pub async fn community(maker: &Person, kind: CommunityKind, parent: &str) -> String {
    let community = Community {
        kind: kind.into(),
        parent_community: parent.to_owned(),
        display_name: format!("Community {}", Uuid::new_v4().simple()),
        ..Community::default()
    };
    let request = CreateCommunityRequest { community: Some(community), request_id: request_id() };
    let answer = maker.caller.community().create_community(request).await.expect("the community is made");
    answer.into_inner().community.expect("it comes").name
}

/// Makes a custom role with these permissions.
pub async fn role(maker: &Person, community: &str, permissions: &[&str]) -> String {
    let role = Role {
        display_name: format!("Role {}", Uuid::new_v4().simple()),
        description: "Made for a test of roles.".to_owned(),
        permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
        ..Role::default()
    };
    let request =
        CreateRoleRequest { parent: community.to_owned(), role: Some(role), request_id: request_id() };
    maker
        .caller
        .community()
        .create_role(request)
        .await
        .expect("the role is made")
        .into_inner()
        .role
        .expect("it comes")
        .name
}

/// Roles in a community, with the inheritance of its kind.
pub fn grant(community: &str, roles: &[&str]) -> Grant {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Grant { community: community.to_owned(), roles, ..Grant::default() }
}

/// A request to invite `email`, without a mail.
pub fn offer(root: &str, email: &str, grants: Vec<Grant>) -> CreateInvitationRequest {
    CreateInvitationRequest {
        parent: root.to_owned(),
        invitation: Some(Invitation { email: email.to_owned(), grants, ..Invitation::default() }),
        ttl: None,
        notify: Some(false),
        request_id: request_id(),
        validate_only: false,
    }
}

/// Invites `email` without a mail.
pub async fn invite(inviter: &Person, root: &str, email: &str, grants: Vec<Grant>) -> Invitation {
    let answer = inviter.caller.invitation().create_invitation(offer(root, email, grants)).await;
    answer.expect("the invitation is made").into_inner().invitation.expect("it comes")
}

/// Invites `email` and waits until the invitation has expired. Returns its name and a token for it.
pub async fn expired(inviter: &Person, root: &str, email: &str, grants: Vec<Grant>) -> (String, String) {
    let name = invite(inviter, root, email, grants).await.name;
    // First the token, then the short life: there is no hurry in between.
    let token = token(inviter, &name).await;
    let ttl = Some(Duration { seconds: 1, nanos: 0 });
    let short = ResendInvitationRequest { name: name.clone(), ttl, ..ResendInvitationRequest::default() };
    inviter.caller.invitation().resend_invitation(short).await.expect("it is sent again");
    until("the invitation expires", || async {
        let request = GetInvitationRequest { name: name.clone() };
        let seen = inviter.caller.invitation().get_invitation(request).await.ok()?.into_inner().invitation?;
        (seen.state() == InvitationState::Expired).then_some(())
    })
    .await;
    (name, token)
}

/// A token for the invitation, as the notifier gets it for a mail.
pub async fn token(inviter: &Person, invitation: &str) -> String {
    link_token(inviter, invitation).await.expect("the link is made")
}

/// As [`token`], where it may be refused.
pub async fn link_token(inviter: &Person, invitation: &str) -> Result<String, Status> {
    let link = mint(inviter, invitation).await?.link;
    Ok(link.rsplit('/').next().unwrap_or_default().to_owned())
}

/// What the notifier gets for a mail about the invitation.
pub async fn mint(inviter: &Person, invitation: &str) -> Result<MintedLink, Status> {
    let request = BatchMintInvitationLinksRequest { names: vec![invitation.to_owned()] };
    let notifier = inviter.caller.service("notifier");
    let results = notifier.invitation().batch_mint_invitation_links(request).await?.into_inner().results;
    match results.into_iter().next().and_then(|result| result.result).expect("it has a result") {
        Minted::Minted(minted) => Ok(minted),
        Minted::Failure(refusal) => {
            let details = ErrorDetails::with_error_info(refusal.reason, refusal.domain, refusal.metadata);
            Err(Status::with_error_details(Code::from(refusal.code), refusal.message, details))
        }
    }
}

/// Has `guest` accept signed in.
pub async fn accept(guest: &Person, token: &str) -> Result<Invitation, Status> {
    let request = AcceptInvitationRequest { token: token.to_owned(), ..AcceptInvitationRequest::default() };
    let answer = guest.caller.invitation().accept_invitation(request).await?;
    Ok(answer.into_inner().invitation.unwrap_or_default())
}

/// Makes `guest` a member by an invitation of `inviter`.
pub async fn join(inviter: &Person, root: &str, guest: &Person, grants: Vec<Grant>) {
    let invitation = invite(inviter, root, &guest.email, grants).await;
    let token = token(inviter, &invitation.name).await;
    accept(guest, &token).await.expect("the guest accepts");
}

/// A new person with these roles in `community`, under `root`.
pub async fn member(admin: &Person, root: &str, community: &str, roles: &[&str]) -> Person {
    let person = Person::new("member").await;
    join(admin, root, &person, vec![grant(community, roles)]).await;
    person
}

/// Makes somebody else the administrator of a community at the top. The platform administrator who made it is nobody there any
/// more: what the community asks of its members is not asked of him, who signs in for all tests.
pub async fn hand_over(admin: &Person, top: &str) -> Person {
    let owner = member(admin, top, top, &["admin"]).await;
    remove_member(&owner, top, &admin.name).await;
    owner
}

/// Whether `person` holds `permission` in `community`, as a service learns it.
pub async fn allowed(person: &Person, community: &str, permission: &str) -> bool {
    let request = CheckAccessRequest {
        user: person.name.clone(),
        community: community.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: String::new(),
    };
    let answer = person.caller.service("alerts").community().check_access(request).await;
    answer.expect("the check is answered").into_inner().allowed
}
