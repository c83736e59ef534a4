//! Who may see an account.

use usher_api::name::UserName;
use usher_runtime::{Caller, Failure};

/// Refuses unless `caller` may see `user`: himself, any if he administers the platform, any if he is a service. Others are
/// refused whether or not the account exists.
pub(crate) fn require_visible(caller: &Caller, user: UserName) -> Result<(), Failure> {
    let allowed = match &caller.person {
        Some(person) => person.user == user || person.platform_admin,
        None => caller.service.is_some(),
    };
    if allowed {
        return Ok(());
    }
    Err(Failure::PermissionDenied { permission: "users.get".to_owned(), resource: user.to_string() })
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
    fn a_service_that_acts_for_a_person_sees_what_the_person_sees() {
        let user = UserName(Uuid::from_u128(1));
        let service = Caller { service: Some("alerts".to_owned()), ..Caller::default() };
        assert!(require_visible(&service, user).is_ok());
        let on_behalf = Caller { service: Some("alerts".to_owned()), ..person(2, false) };
        assert!(require_visible(&on_behalf, user).is_err());
    }
}
