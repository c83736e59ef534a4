//! Who may see and change what belongs to an account.

use std::str::FromStr as _;

use usher_api::name::{PasskeyName, UserName};
use usher_runtime::{Caller, Failure, Violations};

/// Refuses unless `caller` may see `user`: himself, any if he administers the platform, any if he is a service. Others are
/// refused whether or not the account exists.
pub(crate) fn require_visible(caller: &Caller, user: UserName) -> Result<(), Failure> {
    if caller.is_service_alone() {
        return Ok(());
    }
    require_own(caller, user, "users.get")
}

/// Refuses unless `caller` is `user` or administers the platform. `permission` names what is refused.
pub(crate) fn require_own(caller: &Caller, user: UserName, permission: &str) -> Result<(), Failure> {
    match &caller.person {
        Some(person) if person.user == user || person.platform_admin => Ok(()),
        _ => Err(Failure::PermissionDenied { permission: permission.to_owned(), resource: user.to_string() }),
    }
}

/// Refuses unless `caller` is `user`. `permission` names what is refused.
pub(crate) fn require_self(caller: &Caller, user: UserName, permission: &str) -> Result<(), Failure> {
    match &caller.person {
        Some(person) if person.user == user => Ok(()),
        _ => Err(Failure::PermissionDenied { permission: permission.to_owned(), resource: user.to_string() }),
    }
}

/// The account that `field` names: `users/{user}`, or `users/me` for the calling person.
pub(crate) fn named_user(caller: &Caller, field: &str, name: &str) -> Result<UserName, Failure> {
    if name == "users/me" {
        return Ok(caller.person()?.user);
    }
    UserName::from_str(name).map_err(|error| {
        let mut violations = Violations::default();
        violations.add(field, error);
        Failure::InvalidFields(violations)
    })
}

/// The passkey that `field` names: `users/{user}/passkeys/{passkey}`, or `users/me/passkeys/{passkey}` of the calling person.
pub(crate) fn named_passkey(
    caller: &Caller,
    field: &str,
    name: &str,
    violations: &mut Violations,
) -> Result<Option<PasskeyName>, Failure> {
    let Some(rest) = name.strip_prefix("users/me/") else { return Ok(violations.check(field, name.parse())) };
    let name = format!("{}/{rest}", caller.person()?.user);
    Ok(violations.check(field, name.parse()))
}

#[cfg(test)]
mod tests {
    use usher_runtime::SignedIn;
    use uuid::Uuid;

    use super::*;

    fn person(id: u128, platform_admin: bool) -> Caller {
        let person = SignedIn { user: UserName(Uuid::from_u128(id)), session: Uuid::nil(), platform_admin };
        Caller { person: Some(person), ..Caller::default() }
    }

    #[test]
    fn people_see_themselves_and_administrators_see_all() {
        let user = UserName(Uuid::from_u128(1));
        assert!(require_visible(&person(1, false), user).is_ok());
        assert!(require_visible(&person(2, false), user).is_err());
        assert!(require_visible(&person(2, true), user).is_ok());
        assert!(require_visible(&Caller::default(), user).is_err());
    }

    #[test]
    fn some_things_people_do_themselves() {
        let own = UserName(Uuid::from_u128(1));
        let allowed = |caller: &Caller| require_self(caller, own, "users.update").is_ok();
        assert!(allowed(&person(1, false)));
        assert!(!allowed(&person(2, true)) && !allowed(&Caller::default()));
    }

    #[test]
    fn a_service_that_acts_for_a_person_sees_what_the_person_sees() {
        let user = UserName(Uuid::from_u128(1));
        let service = Caller { service: Some("alerts".to_owned()), ..Caller::default() };
        assert!(require_visible(&service, user).is_ok());
        let on_behalf = Caller { service: Some("alerts".to_owned()), ..person(2, false) };
        assert!(require_visible(&on_behalf, user).is_err());
    }
}
