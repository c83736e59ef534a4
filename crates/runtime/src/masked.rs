//! Settings as they may be shown: what is secret in them is masked. For `serialize_with`.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize as _, Serializer};

const MASK: &str = "***";

/// A secret, of which nothing is shown but that it is set.
pub fn secret<S: Serializer>(value: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(|_| MASK).serialize(serializer)
}

/// A URL that may hold a password.
pub fn url<S: Serializer>(value: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    without_password(value.expose_secret()).serialize(serializer)
}

/// A URL that may be absent and may hold a password.
pub fn optional_url<S: Serializer>(value: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_deref().map(without_password).serialize(serializer)
}

/// `url` with the password masked, in the authority as in the query. A user without a password is masked as well: NATS
/// takes a token in his place.
fn without_password(url: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let shown = match address.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
        Some((scheme, Some((user, host)))) => {
            let user = user.split_once(':').map_or(String::new(), |(user, _)| format!("{user}:"));
            format!("{scheme}://{user}{MASK}@{host}")
        }
        _ => address.to_owned(),
    };
    let Some(query) = query else { return shown };
    let parameters: Vec<_> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.eq_ignore_ascii_case("password") => format!("{name}={MASK}"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{shown}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn shows_everything_but_the_password() {
        for (url, shown) in [
            (
                "postgres://usher:s3:c@r/et@db:5432/identity?sslmode=require",
                "postgres://usher:***@db:5432/identity?sslmode=require",
            ),
            (
                "postgres://db/identity?user=usher&password=secret",
                "postgres://db/identity?user=usher&password=***",
            ),
            ("sqlite://usher-data/identity.db?mode=rwc", "sqlite://usher-data/identity.db?mode=rwc"),
            ("nats://token@nats:4222", "nats://***@nats:4222"),
            ("nats://nats:4222", "nats://nats:4222"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
