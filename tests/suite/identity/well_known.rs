//! What verifiers find by plain HTTP.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::pin::Pin;
use std::time::Duration;

use sandbox::{Service, current};
use serde_json::{Value as Json, json};
use tonic::body::Body;
use tonic::client::GrpcService as _;
use tonic::codegen::{Body as _, http};
use tonic::transport::Endpoint;

use super::published;

const KEYS: &str = "/.well-known/jwks.json";
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// An answer by HTTP/1.1.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

fn endpoint() -> &'static str {
    &current().endpoints[&Service::Identity][0]
}

/// Asks as a program would that knows nothing of us.
fn ask(method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(endpoint().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: somebody.test\r\nAuthorization: Bearer nonsense\r\n\
         X-Forwarded-Host: somebody.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head ends in an empty line");
    let (status, headers) = head.split_once("\r\n").expect("there are headers");
    let headers = headers.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("there is a status");
    Answer { status, headers, body: body.to_owned() }
}

#[tokio::test]
async fn tells_the_keys_that_verify_access_tokens() {
    let answer = ask("GET", KEYS);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/jwk-set+json");
    assert_eq!(answer.headers["cache-control"], "public, max-age=1");
    let signs = published().await.swap_remove(0);
    let expected = json!({
        "kid": signs.kid, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": signs.x,
    });
    assert_eq!(answer.json()["keys"][0], expected);
}

#[test]
fn tells_the_issuer_and_where_its_keys_are_and_nothing_that_is_not_there() {
    let answer = ask("GET", CONFIGURATION);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "public, max-age=1");
    let claims = ["iss", "sub", "aud", "iat", "exp", "jti", "sid", "platform_admin"];
    let expected = json!({
        "issuer": "https://usher.test",
        "jwks_uri": "https://usher.test/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "subject_types_supported": ["public"],
        "claims_supported": claims,
    });
    assert_eq!(answer.json(), expected);
}

#[test]
fn tells_the_head_alone_if_that_is_asked_for() {
    for path in [KEYS, CONFIGURATION] {
        let (head, whole) = (ask("HEAD", path), ask("GET", path));
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        for name in ["content-type", "cache-control"] {
            assert_eq!(head.headers[name], whole.headers[name], "{name}");
        }
    }
}

#[test]
fn nothing_can_be_done_but_ask() {
    for path in [KEYS, CONFIGURATION] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = ask(method, path);
            assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "GET,HEAD"), "{method}");
        }
    }
}

#[test]
fn there_is_nothing_else() {
    for path in ["/", "/.well-known/", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json/x"]
    {
        assert_eq!(ask("GET", path).status, 404, "{path}");
    }
}

#[tokio::test]
async fn answers_http_2_alike() {
    let mut channel = Endpoint::from_static(endpoint()).connect().await.unwrap();
    let request = http::Request::get(format!("{}{CONFIGURATION}", endpoint())).body(Body::empty()).unwrap();
    poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let answer = channel.call(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(serde_json::from_slice::<Json>(&bytes).unwrap(), ask("GET", CONFIGURATION).json());
}
