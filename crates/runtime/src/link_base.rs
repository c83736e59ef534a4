//! What links in mails begin with.

use serde::{Deserialize, Serialize};

/// The address of the User Center, as the operator writes it: `https://…`. Nothing that a request says changes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkBase(String);

impl LinkBase {
    /// The link to `path`, which begins with `/`.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl Default for LinkBase {
    fn default() -> Self {
        Self("http://localhost:7380".to_owned())
    }
}

impl TryFrom<String> for LinkBase {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        if !(url.starts_with("https://") || url.starts_with("http://")) || url.ends_with('/') {
            return Err(format!("`{url}` must begin with https:// and not end with /"));
        }
        Ok(Self(url))
    }
}

impl From<LinkBase> for String {
    fn from(base: LinkBase) -> Self {
        base.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_to_a_page_of_a_web_address() {
        let base = LinkBase::try_from("https://usher.example/center".to_owned()).unwrap();
        assert_eq!(base.link("/join/x"), "https://usher.example/center/join/x");
        for wrong in ["", "usher.example", "ftp://usher.example", "https://usher.example/"] {
            assert!(LinkBase::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
