use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _};
use usher_api::community as pb;
use usher_api::name::{CommunityName, MemberName, UserName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Change, EmailAddress, Once, Violations};

use crate::catalogue::MEMBERS_CREATE;
use crate::consistency::ConsistencyToken;
use crate::entity::settings::DirectAddition;
use crate::entity::{community, member, person};
use crate::error::Error;
use crate::grants::Judge;
use crate::membership::Gift;
use crate::parse::AskedGrant;
use crate::roster::Roster;
use crate::settings::{InForce, Settings};
use crate::tree::HeldCommunity;
use crate::{Community, authority, parse, people, seats};

pub(crate) async fn create_member(
    service: &Community,
    caller: &Caller,
    request: pb::CreateMemberRequest,
) -> Result<pb::CreateMemberResponse, Error> {
    let giver = caller.actor()?;
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse::<CommunityName>());
    let asked = request.member.clone().unwrap_or_default();
    let user = violations.check("member.user", asked.user.parse::<UserName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let grants = parse::member_roles(parent, &asked.roles, &mut violations);
    let place = parse::required(parent, &mut violations)?;
    authority::require_for_change(service, caller, MEMBERS_CREATE, place).await?;
    let user = parse::required(user, &mut violations)?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateMember", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let person = people::learn(service, user).await?.ok_or(Error::UserNotFound(user))?;
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, place).await?;
    add(service, &change, &community, giver, &person, &grants).await?;
    let roster = Roster::load(&*change, &community.row, &[user.0]).await?;
    let consistency_token = ConsistencyToken::seal(service, community.held)?;
    let answer = pb::CreateMemberResponse { member: Some(roster.describe(user.0)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(community = %place, %user, "member {} added to {}", user.0, place.0);
    Ok(answer)
}

/// Makes `person` a member if everything allows it: the giver's authority, the settings, and that he is none.
async fn add(
    service: &Community,
    change: &Change,
    community: &HeldCommunity,
    giver: Actor,
    person: &person::Model,
    grants: &[AskedGrant],
) -> Result<(), Error> {
    let (root, user) = (community.root.name(), UserName(person.user_id));
    let judge = Judge::load(&**change, root, giver, grants).await?;
    let mut gifts = Vec::new();
    for grant in grants {
        judge.authorize(MEMBERS_CREATE, grant)?;
    }
    judge.require_inside(grants)?;
    for grant in grants {
        gifts.push(judge.examine(grant)?);
    }
    require_new(change, &community.row, user).await?;
    let settings = InForce::load(&**change, &community.row).await?.effective;
    require_suitable(change, &community.row, &settings, person).await?;
    seats::require_one(change, &community.row, &settings).await?;
    let gift = Gift { root, to: user, by: giver.principal, invitation: String::new() };
    gift.give(service, change, &gifts).await?;
    Ok(())
}

async fn require_new(change: &Change, community: &community::Model, user: UserName) -> Result<(), Error> {
    let row = member::Entity::find_by_id((community.id, user.0)).one(&**change).await?;
    match row.filter(|row| row.state != member::State::Removed) {
        Some(_) => Err(Error::AlreadyMember(MemberName { community: community.name(), user: user.0 })),
        None => Ok(()),
    }
}

/// Whether the settings let `person` be added without being asked.
async fn require_suitable(
    change: &Change,
    community: &community::Model,
    settings: &Settings,
    person: &person::Model,
) -> Result<(), Error> {
    let (name, user) = (community.name(), UserName(person.user_id));
    if !person.email_verified {
        return Err(Error::EmailNotVerified(user));
    }
    let allowed = match settings.direct_addition() {
        DirectAddition::Anybody => true,
        DirectAddition::TreeMembers => is_in_tree(change, community, user).await?,
        DirectAddition::Nobody => false,
    };
    if !allowed {
        return Err(Error::DirectAdditionNotAllowed(name));
    }
    let address: Option<EmailAddress> = person.email.parse().ok();
    let domain = address.map(|address| address.domain().to_owned()).unwrap_or_default();
    if settings.allows_domain(&domain) {
        Ok(())
    } else {
        Err(Error::EmailDomainNotAllowed { community: name, domain })
    }
}

/// Whether `user` is an active member somewhere in the tree of `community`.
async fn is_in_tree(change: &Change, community: &community::Model, user: UserName) -> Result<bool, Error> {
    let tree = Query::select()
        .column(community::Column::Id)
        .from(community::Entity)
        .and_where(
            community::Column::Id.eq(community.root_id).or(community::Column::ParentId.eq(community.root_id)),
        )
        .to_owned();
    let membership = Query::select()
        .expr(Expr::val(1))
        .from(member::Entity)
        .and_where(member::Column::UserId.eq(user.0))
        .and_where(member::Column::State.eq(member::State::Active))
        .and_where(member::Column::CommunityId.in_subquery(tree))
        .limit(1)
        .to_owned();
    Ok(change.query_one(&membership).await?.is_some())
}
