//! Who may call which RPC, read from the method options in `proto/` when this crate was built.

/// An RPC and those it admits. See `proto/usher/rpc/v1/access.proto`.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of caller, as in the proto")]
pub struct Method {
    /// The path of the HTTP/2 request, `/{package}.{Service}/{Rpc}`.
    pub path: &'static str,
    /// Anybody, with or without a token.
    pub anybody: bool,
    /// A signed-in person.
    pub users: bool,
    /// Services by name; `*` is every trusted one.
    pub services: &'static [&'static str],
    /// A signed-in platform administrator.
    pub platform_admins: bool,
    /// A program with an API key.
    pub programs: bool,
}

impl Method {
    /// The RPC at `path`, if it is one of Usher's.
    #[must_use]
    pub fn at(path: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.path == path)
    }

    /// Whether the RPC admits the service of this name.
    #[must_use]
    pub fn admits_service(&self, name: &str) -> bool {
        self.services.iter().any(|admitted| *admitted == "*" || *admitted == name)
    }
}

include!(concat!(env!("OUT_DIR"), "/access.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_access_that_the_proto_declares() {
        let lookup = Method::at("/usher.identity.v1.IdentityService/LookupUser").unwrap();
        assert!(lookup.admits_service("invitation"));
        assert!(!lookup.admits_service("notifier"));
        assert!(!lookup.anybody && !lookup.users && !lookup.platform_admins);
        let create_user = Method::at("/usher.identity.v1.IdentityService/CreateUser").unwrap();
        assert!(create_user.admits_service("invitation") && create_user.platform_admins);
        assert!(Method::at("/usher.identity.v1.IdentityService/Authenticate").unwrap().anybody);
    }

    #[test]
    fn knows_no_method_outside_the_contract() {
        assert!(Method::at("/grpc.health.v1.Health/Check").is_none());
    }
}
