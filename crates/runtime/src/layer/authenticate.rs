//! Who calls, and whether the RPC is for him at all.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, header};
use secrecy::SecretString;
use tonic::transport::server::TcpConnectInfo;
use usher_api::access::Method;
use usher_api::name::PrincipalName;

use super::Target;
use crate::caller::{ON_BEHALF_OF, SOURCE_ADDRESS, USER_AUTHORIZATION};
use crate::trust::Principal;
use crate::{Caller, Failure, Program, Trust, Violations};

/// Verifies the tokens of a call and holds the caller against the access that the RPC declares. What is not an RPC of the
/// suite (health, reflection, documents) is open.
pub(super) async fn authenticate(
    State(trust): State<Arc<Trust>>,
    mut request: Request,
    next: Next,
) -> Response {
    let target = Target::at(request.uri().path());
    let Target::Rpc(method) = target else { return next.run(request).await };
    let admitted = match identify(&trust, request.headers()).await {
        Ok(caller) => admit(method, &caller).map(|()| Caller { source: source(&caller, &request), ..caller }),
        Err(failure) => Err(failure),
    };
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => {
            let reason = crate::rpc::error_chain(&failure);
            tracing::debug!(path = method.path, reason, "call refused");
            target.refuse(failure)
        }
    }
}

/// A bad token is refused even where none is needed: whoever sends one means to be somebody.
async fn identify(trust: &Trust, headers: &HeaderMap) -> Result<Caller, Failure> {
    let mut caller = Caller::default();
    if let Some(token) = bearer(headers, header::AUTHORIZATION.as_str())? {
        match trust.verify(token).await? {
            Principal::Service(service) => {
                caller.service = Some(service);
                if let Some(token) = bearer(headers, USER_AUTHORIZATION)? {
                    stand_for(&mut caller, trust.verify(token).await?, token)?;
                }
            }
            principal => stand_for(&mut caller, principal, token)?,
        }
    }
    represent(&mut caller, headers)?;
    Ok(caller)
}

/// Notes for whom the decision is made, by the token that proves it.
fn stand_for(caller: &mut Caller, principal: Principal, token: &str) -> Result<(), Failure> {
    match principal {
        Principal::Person(person) => caller.person = Some(person),
        Principal::Program(principal) => caller.program = Some(Program { principal, on_behalf_of: None }),
        Principal::Service(_) => return Err(Failure::TokenInvalid),
    }
    caller.token = Some(SecretString::from(token));
    Ok(())
}

/// Notes on whose behalf a service account calls. Whoever else says so is refused: unheard, it would have him do with more
/// authority what he means to do with less.
fn represent(caller: &mut Caller, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(ON_BEHALF_OF) else { return Ok(()) };
    let account = caller.program.as_mut();
    let account = account.filter(|it| matches!(it.principal, PrincipalName::ServiceAccount(_)));
    let Some(account) = account else { return Err(Failure::OnBehalfOfNotAllowed) };
    let mut violations = Violations::default();
    let user = value.to_str().unwrap_or_default().parse();
    account.on_behalf_of = violations.check(ON_BEHALF_OF, user);
    violations.finish()
}

/// The address of the person who calls. Behind a service it is what the service says: its own address says nothing of him.
fn source(caller: &Caller, request: &Request) -> Option<IpAddr> {
    if caller.service.is_some() {
        return request.headers().get(SOURCE_ADDRESS)?.to_str().ok()?.parse().ok();
    }
    let connection = request.extensions().get::<TcpConnectInfo>()?;
    connection.remote_addr().map(|address| address.ip().to_canonical())
}

fn bearer<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Failure> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Failure::TokenInvalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(Failure::TokenInvalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(Failure::TokenInvalid) }
}

/// Whether the declared access of `method` admits `caller`.
fn admit(method: &Method, caller: &Caller) -> Result<(), Failure> {
    let as_service = caller.service.as_deref().is_some_and(|service| method.admits_service(service));
    let as_person = caller.person.is_some() && method.users;
    let as_platform_admin = caller.is_platform_admin() && method.platform_admins;
    let as_program = caller.program.is_some() && method.programs;
    if method.anybody || as_service || as_person || as_platform_admin || as_program {
        return Ok(());
    }
    if caller.service.is_none() && caller.actor().is_err() {
        return Err(Failure::TokenMissing);
    }
    Err(Failure::CallerNotAllowed { method: method.path.trim_start_matches('/').replace('/', ".") })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use usher_api::name::{CommunityName, ServiceAccountName, UserName};
    use uuid::Uuid;

    use super::*;

    const FOR_ONE_SERVICE: Method = Method {
        path: "/usher.x.v1.XService/Do",
        anybody: false,
        users: false,
        services: &["notifier"],
        platform_admins: false,
        programs: false,
    };
    const FOR_PEOPLE: Method = Method { users: true, services: &[], ..FOR_ONE_SERVICE };
    const FOR_PROGRAMS: Method = Method { programs: true, services: &[], ..FOR_ONE_SERVICE };
    const ACCOUNT: PrincipalName = PrincipalName::ServiceAccount(ServiceAccountName(Uuid::from_u128(1)));
    const KEY: PrincipalName =
        PrincipalName::ApiKey { community: CommunityName(Uuid::from_u128(2)), id: Uuid::from_u128(3) };

    fn service(name: &str) -> Caller {
        Caller { service: Some(name.to_owned()), ..Caller::default() }
    }

    fn program(principal: PrincipalName) -> Caller {
        Caller { program: Some(Program { principal, on_behalf_of: None }), ..Caller::default() }
    }

    #[test]
    fn admits_only_the_named_service() {
        assert!(admit(&FOR_ONE_SERVICE, &service("notifier")).is_ok());
        let refused = admit(&FOR_ONE_SERVICE, &service("invitation")).unwrap_err();
        assert!(
            matches!(refused, Failure::CallerNotAllowed { method } if method == "usher.x.v1.XService.Do")
        );
        assert!(matches!(admit(&FOR_ONE_SERVICE, &Caller::default()), Err(Failure::TokenMissing)));
    }

    #[test]
    fn what_is_for_people_is_not_for_programs() {
        assert!(admit(&FOR_PROGRAMS, &program(KEY)).is_ok());
        for method in [FOR_PEOPLE, FOR_ONE_SERVICE] {
            assert!(matches!(admit(&method, &program(KEY)), Err(Failure::CallerNotAllowed { .. })));
        }
    }

    #[test]
    fn only_service_accounts_call_on_behalf_of_people() {
        let user = UserName(Uuid::from_u128(9));
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(ON_BEHALF_OF),
            HeaderValue::from_str(&user.to_string()).unwrap(),
        )]);
        let mut account = program(ACCOUNT);
        represent(&mut account, &headers).unwrap();
        assert_eq!(account.actor().unwrap().on_behalf_of, Some(user));
        for mut other in [program(KEY), service("alerts"), Caller::default()] {
            assert!(matches!(represent(&mut other, &headers), Err(Failure::OnBehalfOfNotAllowed)));
        }
        let wrong = HeaderMap::from_iter([(
            http::HeaderName::from_static(ON_BEHALF_OF),
            HeaderValue::from_static("users/me"),
        )]);
        assert!(matches!(represent(&mut account, &wrong), Err(Failure::InvalidFields(_))));
    }
}
