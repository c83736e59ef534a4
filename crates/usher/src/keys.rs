//! `usher keys`. Here is `generate`: the key by which a process proves which service it is. The keys that sign people's access
//! tokens are another matter: `keys/signing.rs`.

pub mod signing;

use std::path::Path;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use usher_runtime::Random;
use usher_runtime::service_token::{generate_signing_key, key_id, public_key};

use crate::private_file;
use crate::trouble::Trouble;

/// Writes `{name}.pem`, the private key, and `{name}.jwks.json`, the public one, to `directory`, and prints the sections of
/// the configuration that name them.
///
/// # Errors
/// Neither is written if one of them exists: a key that others trust must not be lost by repeating a command.
pub fn generate(name: &str, directory: &Path) -> Result<(), Trouble> {
    let private = directory.join(format!("{name}.pem"));
    let public = directory.join(format!("{name}.jwks.json"));
    for path in [&private, &public] {
        if path.exists() {
            return Err(Trouble::Other(format!("{} exists; keys are not overwritten", path.display())));
        }
    }
    std::fs::create_dir_all(directory).map_err(Trouble::file(directory))?;
    let key = generate_signing_key(&Random::system());
    private_file::create(&private, to_pem(&key).expose_secret()).map_err(Trouble::file(&private))?;
    std::fs::write(&public, format!("{:#}\n", key_set(&key))).map_err(Trouble::file(&public))?;

    println!("# The process that runs {name} proves it by");
    println!("[trust.own_token]\nsigning_key_file = \"{}\"\nissuer = \"usher/{name}\"\n", private.display());
    println!("# Processes that {name} calls believe it by");
    println!("[[trust.issuers]]\nissuer = \"usher/{name}\"\njwks_file = \"{}\"", public.display());
    println!("services = {{ {name} = \"{name}\" }}");
    Ok(())
}

/// The private key in PKCS#8 PEM.
pub fn to_pem(key: &SigningKey) -> SecretString {
    // Encoding fails only for keys too long for their length field.
    key.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).unwrap_or_default().into()
}

/// The public half as a JSON Web Key Set.
fn key_set(key: &SigningKey) -> serde_json::Value {
    json!({ "keys": [{
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": key_id(key),
        "x": public_key(key),
    }] })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::os::unix::fs::PermissionsExt as _;

    use usher_runtime::service_token::read_signing_key;
    use usher_runtime::trust::{IssuerConfig, TrustedIssuer};

    use super::*;

    #[test]
    fn writes_a_key_that_is_believed_and_never_overwritten() {
        let name = u64::from_be_bytes(Random::system().bytes()).to_string();
        let directory = std::env::temp_dir().join(format!("usher-keys-{name}"));
        generate("invitation", &directory).unwrap();
        let private = directory.join("invitation.pem");
        let key = read_signing_key(&private).unwrap();
        assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);

        let config = IssuerConfig {
            issuer: "usher/invitation".to_owned(),
            jwks_file: directory.join("invitation.jwks.json"),
            services: HashMap::new(),
        };
        assert_eq!(TrustedIssuer::load(&config).unwrap().keys[0].kid, key_id(&key));

        assert!(generate("invitation", &directory).unwrap_err().to_string().contains("exists"));
        assert_eq!(read_signing_key(&private).unwrap().to_bytes(), key.to_bytes());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
