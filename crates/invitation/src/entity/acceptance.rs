//! One row for each invitation that somebody accepted or is accepting: what he said yes to, and what shows that it was he.

use sea_orm::entity::prelude::*;
use usher_api::invitation as pb;
use usher_api::name::{CommunityName, InvitationName, SessionName, UserName};
use usher_runtime::Timestamp;
use uuid::Uuid;

use super::{grant, invitation};

/// An acceptance, as evidence.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "acceptance")]
pub struct Model {
    /// The invitation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invitation_id: Uuid,
    /// The community at the top of the tree.
    pub root_id: Uuid,
    /// The attempt. One that comes to nothing leaves no row.
    pub claim_id: Uuid,
    /// Who said yes.
    pub invitee_id: Uuid,
    /// What shows that it was the invited person.
    pub proof: Proof,
    /// The session in which it was said. None for whoever registered.
    pub session_id: Option<Uuid>,
    /// The version of the terms of service that the person had accepted by then, or accepted with it.
    pub terms_version: String,
    /// The changes of roles that he agreed to, if there were any.
    pub confirmed_fingerprint: String,
    /// Where he was, as far as it is known and not purged.
    pub source_address: Option<String>,
    /// When he said yes.
    pub consent_time: Timestamp,
    /// When the invitation was accepted by it. None while that is under way.
    pub accept_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What shows that it was the invited person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Proof {
    /// He had a link that was mailed to him, and registered by it.
    #[sea_orm(string_value = "registration")]
    Registration,
    /// He had a link that was mailed to him, and was signed in to the verified account of the address.
    #[sea_orm(string_value = "link")]
    Link,
    /// He was signed in to the verified account of the address.
    #[sea_orm(string_value = "session")]
    Session,
}

impl Model {
    /// The evidence, beside what the invitation says.
    pub(crate) fn to_proto<'g>(
        &self,
        accepted: Option<&invitation::Model>,
        grants: impl Iterator<Item = &'g grant::Model>,
    ) -> pb::Acceptance {
        let invitee = UserName(self.invitee_id);
        let session = self.session_id.map(|id| SessionName { user: invitee, id }.to_string());
        pb::Acceptance {
            invitation: InvitationName { root: CommunityName(self.root_id), id: self.invitation_id }
                .to_string(),
            invitee: invitee.to_string(),
            email: accepted.map(|row| row.email.clone()).unwrap_or_default(),
            proof: pb::AcceptanceProof::from(self.proof).into(),
            session: session.unwrap_or_default(),
            terms_version: self.terms_version.clone(),
            confirmed_fingerprint: self.confirmed_fingerprint.clone(),
            source_address: self.source_address.clone().unwrap_or_default(),
            consent_time: Some(self.consent_time.into()),
            accept_time: self.accept_time.map(Into::into),
            grants: grants.map(grant::Model::to_proto).collect(),
        }
    }
}

impl From<Proof> for pb::AcceptanceProof {
    fn from(proof: Proof) -> Self {
        match proof {
            Proof::Registration => Self::Registration,
            Proof::Link => Self::Link,
            Proof::Session => Self::Session,
        }
    }
}
