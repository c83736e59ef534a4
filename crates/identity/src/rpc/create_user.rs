use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::fields::{name_key, required};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};
use uuid::Uuid;

use crate::account::Profile;
use crate::community_rules::{self, Expected};
use crate::entity::account::{Column, Model};
use crate::entity::account_mail::Kind;
use crate::error::Error;
use crate::password::{Chosen, Context};
use crate::{Identity, account, account_mail};

/// As many as an invitation offers at most.
const MOST_EXPECTED: usize = 100;

pub(crate) async fn create_user(
    service: &Identity,
    caller: &Caller,
    request: pb::CreateUserRequest,
) -> Result<pb::CreateUserResponse, Error> {
    let Draft { profile, registration, expected, request_id } =
        Draft::parse(service, caller, &request).await?;
    let strength = registration.as_ref().map(|registration| registration.chosen.strength).unwrap_or_default();

    // Communities may be renamed before a retry, and an offer changed.
    let request =
        pb::CreateUserRequest { community_names: Vec::new(), expected_memberships: Vec::new(), ..request };
    let once = Once::new(&service.sealing, &service.clock, caller, "CreateUser", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(with_strength(answer, strength));
    }
    // Slow on purpose, so before the change begins.
    let hash = match &registration {
        Some(registration) => service.hasher.hash(&registration.chosen.password).await?,
        None => String::new(),
    };
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(with_strength(answer, strength));
    }
    let row = match &registration {
        Some(registration) => register(service, &change, profile, hash, &registration.terms_version).await?,
        None => prepare(service, &change, profile).await?,
    };
    community_rules::expect(service, &change, row.id, expected).await?;
    let answer = pb::CreateUserResponse { user: Some(row.to_proto()), ..pb::CreateUserResponse::default() };
    once.commit(change, &answer).await?;
    tracing::info!(user = %row.name(), "account {} created", row.id);
    Ok(with_strength(answer, strength))
}

struct Draft {
    profile: Profile,
    /// What the person entered himself. None if an administrator makes the account for him.
    registration: Option<Registration>,
    expected: Vec<Expected>,
    request_id: Option<Uuid>,
}

struct Registration {
    chosen: Chosen,
    terms_version: String,
}

impl Draft {
    async fn parse(
        service: &Identity,
        caller: &Caller,
        request: &pb::CreateUserRequest,
    ) -> Result<Self, Failure> {
        let mut violations = Violations::default();
        let profile = Profile::parse(&request.email, &request.full_name, &mut violations);
        let registration = if caller.service.is_some() {
            Registration::parse(service, request, &mut violations).await?
        } else {
            for (field, text) in [("password", &request.password), ("terms_version", &request.terms_version)]
            {
                violations.require(text.is_empty(), field, "must be empty: the person enters it");
            }
            None
        };
        let expected = parse_expected(&request.expected_memberships, &mut violations);
        let request_id = parse_request_id(&request.request_id, &mut violations);
        violations.require(!request.request_id.is_empty(), "request_id", "must not be empty");
        let profile = required(profile, &mut violations)?;
        violations.finish()?;
        Ok(Self { profile, registration, expected, request_id })
    }
}

fn parse_expected(memberships: &[pb::ExpectedMembership], violations: &mut Violations) -> Vec<Expected> {
    const FIELD: &str = "expected_memberships";
    violations.require(
        memberships.len() <= MOST_EXPECTED,
        FIELD,
        format_args!("must be at most {MOST_EXPECTED}"),
    );
    let mut expected = Vec::new();
    for (place, membership) in memberships.iter().enumerate().take(MOST_EXPECTED) {
        let field = |name| format!("{FIELD}[{place}].{name}");
        let community = violations.check(field("community"), membership.community.parse());
        let root = violations.check(field("root"), membership.root.parse());
        if let (Some(community), Some(root)) = (community, root) {
            expected.push(Expected { community, root, inherits: membership.inherits });
        }
    }
    expected
}

impl Registration {
    async fn parse(
        service: &Identity,
        request: &pb::CreateUserRequest,
        violations: &mut Violations,
    ) -> Result<Option<Self>, Failure> {
        let communities = request.community_names.iter().map(String::as_str);
        let context = Context::new(&request.email, &request.full_name, communities);
        let chosen = service
            .password_policy
            .choose("password", &request.password, (false, context), violations)
            .await?;
        let terms_version = violations.text("terms_version", &request.terms_version, 1..=64);
        Ok(chosen.map(|chosen| Self { chosen, terms_version }))
    }
}

/// Makes the account of a person who has the mailbox, or makes one the person's that somebody else prepared.
async fn register(
    service: &Identity,
    change: &Change,
    profile: Profile,
    hash: String,
    terms_version: &str,
) -> Result<Model, Error> {
    let now = service.clock.now();
    if let Some(prepared) = account::hold_unproven(change, &profile.email).await? {
        let columns = vec![
            (Column::NameKey, Expr::value(name_key(&profile.full_name))),
            (Column::FullName, Expr::value(profile.full_name)),
            (Column::PasswordHash, Expr::value(hash)),
            (Column::EmailVerified, Expr::value(true)),
            (Column::TermsVersion, Expr::value(terms_version)),
            (Column::TermsAcceptTime, Expr::value(now)),
        ];
        account::dispossess(service, change, prepared.id).await?;
        return account::write(service, change, prepared.id, columns, "user.updated").await;
    }
    let mut row = account::new(service, profile, hash);
    row.terms_version = terms_version.to_owned();
    row.terms_accept_time = Some(row.create_time);
    account::insert(service, change, &row).await?;
    Ok(row)
}

/// Makes an account without a password, and has its person asked by mail to choose one.
async fn prepare(service: &Identity, change: &Change, profile: Profile) -> Result<Model, Error> {
    let mut row = account::new(service, profile, String::new());
    row.email_verified = false;
    account::insert(service, change, &row).await?;
    account_mail::notify(service, change, Kind::AccountCreated, &row).await?;
    Ok(row)
}

/// The strength of a password is told, but never kept: it would tell a thief where to begin.
fn with_strength(answer: pb::CreateUserResponse, strength: u8) -> pb::CreateUserResponse {
    pb::CreateUserResponse { password_strength: strength.into(), ..answer }
}
