//! The settings of a suite's processes, written as an operator would.

use std::fmt::Write as _;
use std::path::Path;

use crate::{Description, Options, Service, Topology, nats};

/// What a process is told about the world, apart from what it shares with the others.
pub struct Process<'a> {
    /// The services that run in it.
    pub services: &'a [Service],
    /// Where it listens.
    pub address: String,
    /// What kind of suite it is part of.
    pub options: &'a Options,
}

/// The configuration file of one process.
pub fn toml(suite: &Description, smtp_port: u16, process: &Process<'_>) -> String {
    let keys = suite.folder.join("keys");
    let mut text = format!(
        r#"[server]
address = "{address}"
shutdown_grace = "10s"

[telemetry]
log_format = "json"
log_filter = "info,usher=debug"

[secrets]
seal_key_file = "{keys}/seal.key"

[trust]
audience = "usher"
user_issuer = "https://usher.test"
# Short, so that a test can see a key be revoked.
user_keys_max_age = "1s"

[[trust.issuers]]
issuer = "usher/tests"
jwks_file = "{keys}/tests.jwks.json"
services = {{ alerts = "alerts", identity = "identity", community = "community", invitation = "invitation", notifier = "notifier" }}
"#,
        address = process.address,
        keys = keys.display(),
    );
    if suite.topology == Topology::Apart {
        text += &apart(suite, &keys, process.services[0]);
    }
    text += &events(suite, process.services[0], process.options);
    for service in process.services {
        text += &section(suite, *service, smtp_port, process.options);
    }
    text
}

/// What processes need that find each other over the network.
fn apart(suite: &Description, keys: &Path, service: Service) -> String {
    let name = service.name();
    let mut text = format!(
        "\n[trust.own_token]\nsigning_key_file = \"{}/{name}.pem\"\nissuer = \"usher/{name}\"\n",
        keys.display()
    );
    for peer in Service::ALL {
        let peer = peer.name();
        let file = format!("{}/{peer}.jwks.json", keys.display());
        let _ = write!(
            text,
            "\n[[trust.issuers]]\nissuer = \"usher/{peer}\"\njwks_file = \"{file}\"\nservices = {{ {peer} = \"{peer}\" }}\n"
        );
    }
    text += "\n[peers]\n";
    for peer in [Service::Identity, Service::Community, Service::Invitation] {
        if peer != service {
            let _ = writeln!(text, "{} = \"{}\"", peer.name(), suite.endpoints[&peer][0]);
        }
    }
    text
}

/// How events travel: within a process of all services, unless the options say otherwise.
fn events(suite: &Description, service: Service, options: &Options) -> String {
    let way = suite.nats_url.as_deref().map_or(String::new(), |operator| {
        let (url, name) = (nats::url_for(service, operator), service.name());
        format!("nats_url = \"{url}\"\nnats_inbox_prefix = \"_INBOX.{name}\"\n")
    });
    format!("\n[events]\n{way}{}", more(options, "events"))
}

fn section(suite: &Description, service: Service, smtp_port: u16, options: &Options) -> String {
    let own = match service {
        // Failures count far longer than a busy machine takes for a test; a new key signs soon.
        Service::Identity => {
            "link_base_url = \"https://usher.test\"\nsweep_interval = \"1s\"\nkey_announcement = \"3s\"\nlockout.within = \"10m\"\nsingle_sign_on.redirect_uri = \"https://usher.test/single-sign-on\"\nsingle_sign_on.allow_loopback = true\nsingle_sign_on.starts_per_minute = 300\n".to_owned()
        }
        // Short, so that a test can see an absent member be suspended.
        Service::Community => "sweep_interval = \"1s\"\n".to_owned(),
        // One administrator invites in all tests. Short, so that a test can see an invitation expire, an interrupted acceptance be completed
        // and a stream end with the authority.
        Service::Invitation => "link_base_url = \"https://usher.test\"\nmin_ttl = \"1s\"\nsweep_interval = \"1s\"\nacceptance_lease = \"6s\"\nwatch_check_interval = \"1s\"\nlimits.inviter_recipients = 200000\nlimits.tree_recipients = 20000\nlimits.recipient_mails = 5\n".to_owned(),
        Service::Notifier => "from = \"Usher <no-reply@usher.test>\"\nmail_acceptances = true\nunsubscribe_address = \"stop@usher.test\"\nwebhooks.allow_private = true\n".to_owned(),
    };
    let name = service.name();
    let url = &suite.databases[&service];
    let mut text = format!(
        "\n[{name}]\n{own}{}\n[{name}.database]\nurl = \"{url}\"\nmax_connections = {}\n",
        more(options, name),
        options.max_connections,
    );
    if service == Service::Notifier {
        let _ = write!(text, "\n[notifier.smtp]\nhost = \"127.0.0.1\"\nport = {smtp_port}\n");
        text += more(options, "notifier.smtp");
        if !more(options, "notifier.smtp").contains("tls = ") {
            text += "tls = \"none\"\n";
        }
    }
    text
}

/// What is set in the section `name` besides.
fn more<'a>(options: &'a Options, name: &str) -> &'a str {
    options.settings.get(name).map_or("", String::as_str)
}
