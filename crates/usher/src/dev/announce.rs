//! What to try when the story is over.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::ADMIN_EMAIL;
use super::narrator::Narrator;
use super::story::{ALERTING, Ending, MANAGE};

/// Prints the address and calls that work as they are printed.
pub fn announce(narrator: &Narrator, address: SocketAddr, ending: Option<&Ending>, data: &Path) {
    narrator.title(&format!("Serving gRPC on {address} until Ctrl-C"));
    narrator
        .print(&format!("Mails are in {}. Calls to paste, with grpcurl:", data.join("mailbox").display()));

    let password = format!(r#""$(cat '{}')""#, data.join("admin-password").display());
    let sign_in = format!(r#"-d '{{"email": "{ADMIN_EMAIL}", "password": "'{password}'"}}' "#);
    let token = service_token(data);
    let as_service = format!(r#"-H "authorization: Bearer {token}" "#);

    let call = |what: &str, arguments: &str, method: &str| {
        narrator.print(&format!("\n# {what}\ngrpcurl -plaintext {arguments}{address} {method}"));
    };
    call("which services there are", "", "list");
    call("sign in as the platform administrator", &sign_in, "usher.identity.v1.IdentityService/Authenticate");
    if let Some(Ending { user, community }) = ending {
        let subject = format!(r#""user": "{user}", "community": "{community}""#);
        let question = format!(r#"{as_service}-d '{{{subject}, "permission": "{MANAGE}"}}' "#);
        let method = "usher.community.v1.CommunityService/CheckAccess";
        call("ask, as a service, whether Ines may manage alerts of Alpine Bank", &question, method);
        let question = format!("{as_service}-d '{{{subject}}}' ");
        let method = "usher.community.v1.CommunityService/ListEffectiveRoles";
        call("and why", &question, method);
    }
    call("which mails were sent", &as_service, "usher.notifier.v1.NotifierService/ListDeliveries");
    narrator.print(&format!(
        "\n# the keys that verify access tokens, and a new one\ncurl http://{address}/.well-known/jwks.json\n'{}' keys rotate --data '{}'",
        program().display(),
        data.display(),
    ));
}

/// A command that prints a token of the internal service.
fn service_token(data: &Path) -> String {
    let (program, data) = (program(), data.display());
    format!("$('{}' service-token --service {ALERTING} --data '{data}')", program.display())
}

/// This program, as it can be called from the current directory.
fn program() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("usher"));
    let here = std::env::current_dir().unwrap_or_default();
    // With the dot, it is not looked for in PATH.
    program.strip_prefix(here).map(|path| Path::new(".").join(path)).unwrap_or(program)
}
