//! How a recipient makes the server difficult: by what his address begins with.

/// What the server does with mail to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Keeps it.
    Keep,
    /// `refuse-550…`: refuses the recipient for good.
    Refuse,
    /// `refuse-once-554…`: refuses the recipient for good the first time, without saying that there is no such mailbox, and
    /// accepts him afterwards.
    RefuseOnce,
    /// `defer-451…`: refuses the recipient for now the first time, and accepts him afterwards.
    DeferOnce,
    /// `defer-always-451…`: refuses the recipient for now, each time.
    DeferAlways,
    /// `vanish…`: keeps the mail the first time, but breaks off the connection instead of saying so.
    VanishOnce,
}

const BY_PREFIX: [(&str, Script); 5] = [
    ("refuse-550", Script::Refuse),
    ("refuse-once-554", Script::RefuseOnce),
    ("defer-451", Script::DeferOnce),
    ("defer-always-451", Script::DeferAlways),
    ("vanish", Script::VanishOnce),
];

impl Script {
    /// What mail to `recipient`, in lower case, meets. `seen` says whether there was an attempt before.
    pub fn of(recipient: &str, seen: bool) -> Self {
        let found = BY_PREFIX.iter().find(|(prefix, _)| recipient.starts_with(prefix));
        match found.map_or(Self::Keep, |(_, script)| *script) {
            Self::RefuseOnce | Self::DeferOnce | Self::VanishOnce if seen => Self::Keep,
            script => script,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_difficult_once_or_always() {
        let first = |recipient| Script::of(recipient, false);
        let again = |recipient| Script::of(recipient, true);
        assert_eq!((first("mira@guest.test"), again("mira@guest.test")), (Script::Keep, Script::Keep));
        assert_eq!(
            (first("refuse-550@a.test"), again("refuse-550@a.test")),
            (Script::Refuse, Script::Refuse)
        );
        assert_eq!(
            (first("defer-451.x@a.test"), again("defer-451.x@a.test")),
            (Script::DeferOnce, Script::Keep)
        );
        assert_eq!(again("defer-always-451.x@a.test"), Script::DeferAlways);
        assert_eq!((first("vanish.x@a.test"), again("vanish.x@a.test")), (Script::VanishOnce, Script::Keep));
    }
}
