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

use super::Target;
use crate::caller::{SOURCE_ADDRESS, USER_AUTHORIZATION};
use crate::trust::Principal;
use crate::{Caller, Failure, Trust};

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
    let Some(token) = bearer(headers, header::AUTHORIZATION.as_str())? else { return Ok(caller) };
    match trust.verify(token).await? {
        Principal::Person(person) => {
            caller.person = Some(person);
            caller.token = Some(SecretString::from(token));
        }
        Principal::Service(service) => {
            caller.service = Some(service);
            if let Some(token) = bearer(headers, USER_AUTHORIZATION)? {
                let Principal::Person(person) = trust.verify(token).await? else {
                    return Err(Failure::TokenInvalid);
                };
                caller.person = Some(person);
                caller.token = Some(SecretString::from(token));
            }
        }
    }
    Ok(caller)
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
    let as_person = caller
        .person
        .as_ref()
        .is_some_and(|person| method.users || (method.platform_admins && person.platform_admin));
    if method.anybody || as_service || as_person {
        return Ok(());
    }
    if caller.service.is_none() && caller.person.is_none() {
        return Err(Failure::TokenMissing);
    }
    Err(Failure::CallerNotAllowed { method: method.path.trim_start_matches('/').replace('/', ".") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR_ONE_SERVICE: Method = Method {
        path: "/usher.x.v1.XService/Do",
        anybody: false,
        users: false,
        services: &["notifier"],
        platform_admins: false,
    };

    fn service(name: &str) -> Caller {
        Caller { service: Some(name.to_owned()), ..Caller::default() }
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
}
