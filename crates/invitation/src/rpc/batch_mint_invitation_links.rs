use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::identity::{BatchLookupUsersRequest, User};
use usher_api::invitation as pb;
use usher_api::invitation::mint_result::Result as Minted;
use usher_api::name::InvitationName;
use usher_runtime::{Failure, Violations};
use uuid::Uuid;

use crate::entity::{invitation, token};
use crate::error::Error;
use crate::offer::{self, Described};
use crate::token::InvitationToken;
use crate::{Invitation, departure, refusal};

const MOST_NAMES: usize = 100;

pub(crate) async fn batch_mint_invitation_links(
    service: &Invitation,
    request: pb::BatchMintInvitationLinksRequest,
) -> Result<pb::BatchMintInvitationLinksResponse, Error> {
    let names = parse(&request.names)?;
    let ids: Vec<Uuid> = names.iter().map(|name| name.id).collect();
    let rows = invitation::Entity::find().filter(invitation::Column::Id.is_in(ids));
    let mut letters = write(service, rows.all(&*service.database).await?).await?;

    // The answers of neighbours took their time. Behind the lock, an end that was answered has been seen, and whoever makes all
    // links stop working makes these too, or comes before them.
    let change = service.database.change().await?;
    let rows = invitation::Entity::find().filter(invitation::Column::Id.is_in(letters.keys().copied()));
    let rows = rows.order_by_asc(invitation::Column::Id).lock_exclusive().all(&*change).await?;
    let rows: HashMap<Uuid, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let mut tokens = Vec::new();
    let mut results = Vec::with_capacity(names.len());
    for name in names {
        let row = rows.get(&name.id).filter(|row| row.name() == name);
        let written = row.and_then(|row| Some((row, letters.remove(&row.id)?)));
        let minted = written.map(|(row, letter)| mint(service, row, letter, &mut tokens));
        let minted = minted.unwrap_or(Err(Error::NotFound));
        let result = match minted {
            Ok(minted) => Minted::Minted(minted),
            Err(error) => Minted::Failure(refusal::tell(error)?),
        };
        results.push(pb::MintResult { result: Some(result) });
    }
    if !tokens.is_empty() {
        let minted = tokens.iter().filter_map(|token| token.invitation_id.try_as_ref().copied());
        departure::allow(&change, minted.collect()).await?;
        token::Entity::insert_many(tokens).exec_without_returning(&*change).await?;
    }
    change.commit().await?;
    let mail_lifetime = departure::LIFETIME.try_into().ok();
    Ok(pb::BatchMintInvitationLinksResponse { results, mail_lifetime })
}

fn parse(names: &[String]) -> Result<Vec<InvitationName>, Failure> {
    let mut violations = Violations::default();
    let number_fits = (1..=MOST_NAMES).contains(&names.len());
    violations.require(number_fits, "names", format_args!("must hold 1 to {MOST_NAMES} names"));
    let mut parsed: Vec<InvitationName> = Vec::new();
    for (place, name) in names.iter().enumerate().take(MOST_NAMES) {
        let field = format!("names[{place}]");
        let name = violations.check(&field, name.parse());
        let again = name.as_ref().is_some_and(|name| parsed.contains(name));
        violations.require(!again, field, "must not be named twice");
        parsed.extend(name);
    }
    violations.finish()?;
    Ok(parsed)
}

/// What there is to write to the guest of an invitation and his account, if he has one, or that it has ended.
type Letter = Result<(Described, Option<User>), Error>;

async fn write(service: &Invitation, rows: Vec<invitation::Model>) -> Result<HashMap<Uuid, Letter>, Failure> {
    let (now, mut letters, mut pending) = (service.clock.now(), HashMap::new(), Vec::new());
    for row in rows {
        match row.require_pending(now) {
            Ok(()) => pending.push(row),
            Err(error) => drop(letters.insert(row.id, Err(error))),
        }
    }
    let (described, accounts) =
        tokio::try_join!(offer::describe_all(service, &pending), accounts(service, &pending))?;
    let written = pending.iter().zip(described.into_iter().zip(accounts));
    letters.extend(written.map(|(row, letter)| (row.id, Ok(letter))));
    Ok(letters)
}

/// The accounts of the invited addresses, where [`super::resolve_invitation_token::account_exists`] tells of one.
async fn accounts(service: &Invitation, rows: &[invitation::Model]) -> Result<Vec<Option<User>>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let emails = rows.iter().map(|row| row.email.clone()).collect();
    let answer = service.identity.clone().batch_lookup_users(BatchLookupUsersRequest { emails }).await;
    let answer = answer.map_err(|status| Failure::from_neighbour("identity", status))?;
    let users = answer.into_inner().users;
    if users.len() != rows.len() {
        return Err(Failure::internal("the identity service looked up other addresses"));
    }
    Ok(users.into_iter().map(|found| found.user.filter(|user| user.email_verified)).collect())
}

/// Makes a link to an invitation that is held.
fn mint(
    service: &Invitation,
    row: &invitation::Model,
    letter: Letter,
    tokens: &mut Vec<token::ActiveModel>,
) -> Result<pb::MintedLink, Error> {
    let (mut described, account) = letter?;
    described.require_acceptable()?;
    row.require_pending(service.clock.now())?;
    let token = InvitationToken::generate(&service.random);
    let stored = token::Model { hash: token.hash(), invitation_id: row.id, create_time: service.clock.now() };
    tokens.push(stored.into());
    let link = token.link(&service.config.link_base_url);
    let account_exists = account.is_some();
    // The inviter may guess at a language; whoever has an account has said.
    if let Some(locale) = account.map(|account| account.locale).filter(|locale| !locale.is_empty()) {
        described.offer.locale = locale;
    }
    Ok(pb::MintedLink { link, offer: Some(described.offer), account_exists })
}
