use usher_api::invitation::import_result::Result as Imported;
use usher_api::invitation::{self as pb, ImportFailure, ImportResult};
use usher_api::name::CommunityName;
use usher_api::rpc::ErrorReason;
use usher_runtime::email::InvalidEmail;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, EmailAddress, Failure, Once, Violations};

use super::create_invitation::check_grants;
use crate::draft::Terms;
use crate::error::Error;
use crate::{Invitation, access, parse};

const MOST_ADDRESSES: usize = 100;

pub(crate) async fn import_invitations(
    service: &Invitation,
    caller: &Caller,
    request: pb::ImportInvitationsRequest,
) -> Result<pb::ImportInvitationsResponse, Error> {
    let inviter = caller.person()?.user;
    let mut violations = Violations::default();
    let root = violations.check("parent", request.parent.parse::<CommunityName>());
    let addresses = addresses(&request.emails, &mut violations);
    parse::grants("grants", &request.grants, &mut violations);
    let ttl = parse::ttl(request.ttl.as_ref(), &service.config, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    let Some(root) = root else { return Err(Failure::internal("not parsed").into()) };

    let once = Once::new(&service.sealing, &service.clock, caller, "ImportInvitations", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let grants = check_grants(service, caller, root, access::CREATE, request.grants).await?;
    let terms = Terms { root, grants, inviter, ttl, notify: request.notify.unwrap_or(true) };

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let results = invite_all(service, &change, &terms, addresses).await?;
    let answer = pb::ImportInvitationsResponse { results };
    once.commit(change, &answer).await?;
    Ok(answer)
}

/// An address as it was typed, and what it is.
type Typed = (String, Result<EmailAddress, InvalidEmail>);

/// The addresses between commas. An empty place, as after a last comma, is not an address.
fn addresses(emails: &str, violations: &mut Violations) -> Vec<Typed> {
    let places = emails.split(',').map(str::trim).filter(|place| !place.is_empty());
    let typed: Vec<Typed> = places.map(|place| (place.to_owned(), place.parse())).collect();
    let number_fits = (1..=MOST_ADDRESSES).contains(&typed.len());
    violations.require(
        number_fits,
        "emails",
        format_args!("must hold 1 to {MOST_ADDRESSES} addresses, separated by commas"),
    );
    typed
}

/// Invites each address that can be; a bad one does not stop the others.
async fn invite_all(
    service: &Invitation,
    change: &Change,
    terms: &Terms,
    addresses: Vec<Typed>,
) -> Result<Vec<ImportResult>, Error> {
    let mut numbered: Vec<(usize, Typed)> = addresses.into_iter().enumerate().collect();
    // In one order everywhere, so that two imports of the same people cannot wait for each other.
    numbered.sort_by(|(_, (_, one)), (_, (_, other))| canonical(one).cmp(canonical(other)));
    let mut results = Vec::with_capacity(numbered.len());
    for (index, (typed, email)) in numbered {
        let result = match email {
            Ok(email) => match terms.write(service, change, &email, "").await {
                Ok((row, grants)) => Imported::Invitation(row.to_proto(&grants, service.clock.now())),
                Err(error @ Error::AlreadyPending { .. }) => Imported::Failure(refused(&error)),
                Err(error) => return Err(error),
            },
            Err(invalid) => Imported::Failure(malformed(invalid)),
        };
        let index = i32::try_from(index).map_err(Failure::internal)?;
        results.push(ImportResult { index, email: typed, result: Some(result) });
    }
    results.sort_by_key(|result| result.index);
    Ok(results)
}

fn canonical(email: &Result<EmailAddress, InvalidEmail>) -> &str {
    email.as_ref().map(EmailAddress::canonical).unwrap_or_default()
}

fn refused(error: &Error) -> ImportFailure {
    let refusal = error.refusal();
    ImportFailure {
        code: refusal.code.into(),
        reason: refusal.reason.trim_start_matches("ERROR_REASON_").to_owned(),
        message: refusal.message,
        metadata: refusal.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

fn malformed(invalid: InvalidEmail) -> ImportFailure {
    ImportFailure {
        code: tonic::Code::InvalidArgument.into(),
        reason: ErrorReason::InvalidFields.as_str_name().trim_start_matches("ERROR_REASON_").to_owned(),
        message: format!("the address {invalid}"),
        metadata: std::collections::HashMap::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_commas_and_keeps_bad_places() {
        let mut violations = Violations::default();
        let typed = addresses("a@example.com,  b@example.com ,, nobody ,", &mut violations);
        let good: Vec<_> = typed.iter().map(|(text, email)| (text.as_str(), email.is_ok())).collect();
        assert_eq!(good, [("a@example.com", true), ("b@example.com", true), ("nobody", false)]);
        assert!(violations.finish().is_ok());
    }

    #[test]
    fn wants_at_least_one_address() {
        let mut violations = Violations::default();
        addresses(" , ", &mut violations);
        assert!(violations.finish().is_err());
    }
}
