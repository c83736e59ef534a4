//! One row for each account.

use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::{EmailAddress, Failure, Timestamp};
use uuid::Uuid;

/// The account of a person.
#[sea_orm::model]
#[allow(clippy::struct_excessive_bools, reason = "each is a column of its own, and a fact about the account")]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The address as typed.
    pub email: String,
    /// The address to compare by; unique.
    pub email_canonical: String,
    /// Whether the mailbox was proven.
    pub email_verified: bool,
    /// The name that others see.
    pub full_name: String,
    /// The name to compare and to order by.
    pub name_key: String,
    /// The language that he wants to be written in, as a BCP 47 tag. Empty if he did not say.
    pub locale: String,
    /// How he wants dates to be written.
    pub date_format: Option<DateFormat>,
    /// Tells his pictures apart. Empty if he has none.
    pub picture_id: String,
    /// Whether he administers the platform.
    pub platform_admin: bool,
    /// Whether the account can be used, as the community service says.
    pub state: State,
    /// The number of its news that `state` is of.
    pub state_version: i64,
    /// When the account is destroyed, if it is deleted.
    pub purge_time: Option<Timestamp>,
    /// The terms that he accepted last.
    pub terms_version: String,
    /// When.
    pub terms_accept_time: Option<Timestamp>,
    /// Argon2id in the PHC string format. Empty if the account has no password.
    pub password_hash: String,
    /// Whether he signs in by an identity provider, too.
    pub has_link: bool,
    /// Whether there are passkeys of it.
    pub has_passkey: bool,
    /// What the person wants to be asked for first, beside the password. None if he did not choose.
    pub preferred_factor: Option<Factor>,
    /// Counts its changes from 1.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it changed last.
    pub update_time: Timestamp,
    /// When its person signed in or refreshed a session last, give or take an hour.
    pub last_seen_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// It can.
    #[sea_orm(string_value = "active")]
    Active,
    /// It cannot.
    #[sea_orm(string_value = "deactivated")]
    Deactivated,
    /// It cannot, and will be destroyed.
    #[sea_orm(string_value = "deleted")]
    Deleted,
}

impl State {
    /// What completes "The field …" for a value that is none.
    pub(crate) const WANTED: &'static str = "must be ACTIVE, DEACTIVATED or DELETED";

    /// None for a value that is none of the known ones.
    pub(crate) fn from_proto(value: i32) -> Option<Self> {
        match pb::UserState::try_from(value) {
            Ok(pb::UserState::Active) => Some(Self::Active),
            Ok(pb::UserState::Deactivated) => Some(Self::Deactivated),
            Ok(pb::UserState::Deleted) => Some(Self::Deleted),
            Ok(pb::UserState::Unspecified) | Err(_) => None,
        }
    }
}

/// What a person enrols to be asked for beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Factor {
    /// An app that shows codes.
    #[sea_orm(string_value = "totp")]
    Totp,
    /// Passkeys.
    #[sea_orm(string_value = "passkey")]
    Passkey,
}

impl Factor {
    /// As documented with `ERROR_REASON_FACTOR_NOT_ENROLLED`.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Totp => "TOTP",
            Self::Passkey => "PASSKEY",
        }
    }

    pub(crate) fn to_proto(self) -> pb::SecondFactor {
        match self {
            Self::Totp => pb::SecondFactor::Totp,
            Self::Passkey => pb::SecondFactor::Passkey,
        }
    }

    /// None for UNSPECIFIED.
    ///
    /// # Errors
    /// A value that is none that can be enrolled.
    pub(crate) fn from_proto(value: i32) -> Result<Option<Self>, &'static str> {
        match pb::SecondFactor::try_from(value) {
            Ok(pb::SecondFactor::Unspecified) => Ok(None),
            Ok(pb::SecondFactor::Totp) => Ok(Some(Self::Totp)),
            Ok(pb::SecondFactor::Passkey) => Ok(Some(Self::Passkey)),
            Ok(pb::SecondFactor::BackupCode | pb::SecondFactor::RecoveryCode) | Err(_) => {
                Err("must be TOTP or PASSKEY")
            }
        }
    }
}

/// How dates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum DateFormat {
    /// 2026-11-23
    #[sea_orm(string_value = "ymd")]
    YearMonthDay,
    /// 23/11/2026
    #[sea_orm(string_value = "dmy")]
    DayMonthYear,
    /// 11/23/2026
    #[sea_orm(string_value = "mdy")]
    MonthDayYear,
}

impl DateFormat {
    fn to_proto(self) -> pb::DateFormat {
        match self {
            Self::YearMonthDay => pb::DateFormat::YearMonthDay,
            Self::DayMonthYear => pb::DateFormat::DayMonthYear,
            Self::MonthDayYear => pb::DateFormat::MonthDayYear,
        }
    }

    /// None for UNSPECIFIED.
    ///
    /// # Errors
    /// A value that is none of the known ones.
    pub(crate) fn from_proto(value: i32) -> Result<Option<Self>, &'static str> {
        match pb::DateFormat::try_from(value) {
            Ok(pb::DateFormat::Unspecified) => Ok(None),
            Ok(pb::DateFormat::YearMonthDay) => Ok(Some(Self::YearMonthDay)),
            Ok(pb::DateFormat::DayMonthYear) => Ok(Some(Self::DayMonthYear)),
            Ok(pb::DateFormat::MonthDayYear) => Ok(Some(Self::MonthDayYear)),
            Err(_) => Err("must be a known value"),
        }
    }
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> UserName {
        UserName(self.id)
    }

    /// The address.
    ///
    /// # Errors
    /// Internal: what is stored was parsed before.
    pub(crate) fn address(&self) -> Result<EmailAddress, Failure> {
        self.email.parse().map_err(Failure::internal)
    }

    fn authentication_methods(&self) -> Vec<String> {
        let methods = [
            (!self.password_hash.is_empty(), "password"),
            (self.has_link, "single_sign_on"),
            (self.has_passkey, "passkey"),
        ];
        methods.into_iter().filter(|(there, _)| *there).map(|(_, method)| method.to_owned()).collect()
    }

    /// The resource, without anything that opens the account.
    pub(crate) fn to_proto(&self) -> pb::User {
        let state = match self.state {
            State::Active => pb::UserState::Active,
            State::Deactivated => pb::UserState::Deactivated,
            State::Deleted => pb::UserState::Deleted,
        };
        pb::User {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            email: self.email.clone(),
            email_verified: self.email_verified,
            full_name: self.full_name.clone(),
            platform_admin: self.platform_admin,
            state: state.into(),
            terms_version: self.terms_version.clone(),
            etag: self.version.to_string(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
            authentication_methods: self.authentication_methods(),
            last_seen_time: self.last_seen_time.map(Into::into),
            locale: self.locale.clone(),
            date_format: self.date_format.map_or(pb::DateFormat::Unspecified, DateFormat::to_proto).into(),
            picture_id: self.picture_id.clone(),
            purge_time: self.purge_time.map(Into::into),
        }
    }
}
