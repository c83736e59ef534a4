//! Custom roles that were changed between an offer and its acceptance.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sha2::{Digest as _, Sha256};
use usher_api::community as pb;

use crate::entity::settings::RoleDrift;
use crate::grants::{Grant, Judge};

/// What roles held when they were offered, by their names.
pub(crate) type Offered = BTreeMap<String, BTreeSet<String>>;

/// What the grants of an invitation say of their roles.
pub(crate) fn offered(grants: &[pb::Grant]) -> Offered {
    let roles = grants.iter().flat_map(|grant| &grant.offered_roles);
    roles.map(|role| (role.role.clone(), role.permissions.iter().cloned().collect())).collect()
}

/// Notes in `grants` what the custom roles hold at this moment, each once.
pub(crate) fn note(judge: &Judge, examined: &[Grant], grants: &mut [pb::Grant]) {
    let mut noted = HashSet::new();
    for (grant, proto) in examined.iter().zip(grants) {
        let new = judge.custom_roles(grant).filter(|(name, _)| noted.insert(*name));
        proto.offered_roles = new
            .map(|(name, permissions)| pb::OfferedRole {
                role: name.to_string(),
                permissions: permissions.into_iter().map(str::to_owned).collect(),
            })
            .collect();
    }
}

/// How the roles of one grant, or of several, differ from what was offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drift {
    /// What those that differ hold now.
    present: BTreeMap<String, BTreeSet<String>>,
    gained: BTreeSet<String>,
    lost: BTreeSet<String>,
}

impl Drift {
    /// Compares. A role of which the offer says nothing is taken for unchanged.
    pub(crate) fn of(judge: &Judge, grant: &Grant, offered: &Offered) -> Self {
        let mut drift = Self::default();
        for (name, present) in judge.custom_roles(grant) {
            let name = name.to_string();
            let Some(before) = offered.get(&name) else { continue };
            let present: BTreeSet<String> = present.into_iter().map(str::to_owned).collect();
            drift.gained.extend(present.difference(before).cloned());
            drift.lost.extend(before.difference(&present).cloned());
            if present != *before {
                drift.present.insert(name, present);
            }
        }
        drift
    }

    /// What a community that chose `policy` does about it.
    pub(crate) fn judged_by(&self, policy: RoleDrift) -> Ruling {
        match policy {
            _ if self.present.is_empty() => Ruling::Pass,
            RoleDrift::AcceptAsOffered if self.gained.is_empty() => Ruling::Pass,
            RoleDrift::AcceptAsOffered | RoleDrift::AskAgain => Ruling::Ask,
            RoleDrift::Refuse => Ruling::Refuse,
        }
    }

    /// Both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.present.extend(other.present);
        self.gained.extend(other.gained);
        self.lost.extend(other.lost);
        self
    }

    /// What somebody agrees to who has seen the changes.
    pub(crate) fn to_proto(&self) -> pb::RoleChanges {
        pb::RoleChanges {
            fingerprint: self.fingerprint(),
            gained: self.gained.iter().cloned().collect(),
            lost: self.lost.iter().cloned().collect(),
        }
    }

    /// Whether this is what was agreed to.
    pub(crate) fn is_confirmed_by(&self, fingerprint: &str) -> bool {
        fingerprint == self.fingerprint()
    }

    fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (role, permissions) in &self.present {
            // Neither names nor permissions hold line breaks.
            hash.update(format!("{role}\n"));
            for permission in permissions {
                hash.update(format!(" {permission}\n"));
            }
        }
        let hash: [u8; 32] = hash.finalize().into();
        // Half of it is enough that nobody meets the same by chance.
        let half = hash.first_chunk().copied().map(u128::from_be_bytes);
        format!("{:032x}", half.unwrap_or_default())
    }
}

/// What becomes of a grant whose roles changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It is given.
    Pass,
    /// It is given if the person agrees.
    Ask,
    /// It is not given.
    Refuse,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(gained: &[&str], lost: &[&str]) -> Drift {
        let set = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
        let present = BTreeMap::from([("communities/c/roles/triage".to_owned(), set(gained))]);
        Drift { present, gained: set(gained), lost: set(lost) }
    }

    #[test]
    fn who_accepts_as_offered_is_asked_about_more_but_not_about_less() {
        let (more, less, other) = (drift(&["a.do"], &[]), drift(&[], &["b.do"]), drift(&["a.do"], &["b.do"]));
        for (policy, rulings) in [
            (RoleDrift::AcceptAsOffered, [Ruling::Ask, Ruling::Pass, Ruling::Ask]),
            (RoleDrift::AskAgain, [Ruling::Ask; 3]),
            (RoleDrift::Refuse, [Ruling::Refuse; 3]),
        ] {
            assert_eq!([&more, &less, &other].map(|drift| drift.judged_by(policy)), rulings, "{policy:?}");
            assert_eq!(Drift::default().judged_by(policy), Ruling::Pass);
        }
    }

    #[test]
    fn a_fingerprint_stands_for_what_the_roles_hold_now() {
        let one = drift(&["a.do"], &["b.do"]);
        assert!(one.is_confirmed_by(&one.clone().and(Drift::default()).to_proto().fingerprint));
        assert!(!one.is_confirmed_by(""));
        assert!(!one.is_confirmed_by(&drift(&["a.do", "c.do"], &["b.do"]).to_proto().fingerprint));
    }
}
