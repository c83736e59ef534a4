//! Codes that people write down and type.

use data_encoding::BASE32_NOPAD;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};
use usher_runtime::{Change, Random, Timestamp, database};

use crate::entity::{backup_code, recovery_code};

/// How many backup codes there are at first.
const BACKUP_CODES: usize = 10;
/// Written in groups, to be read without losing one's place.
const GROUP: usize = 4;
const LENGTH: usize = 10;

/// 80 random bits: too many to be guessed even by who has the table, so a plain hash keeps them safe. In base32, whose letters and
/// digits are not mixed up.
pub(crate) struct Code(SecretBox<[u8; LENGTH]>);

impl Code {
    pub(crate) fn generate(random: &Random) -> Self {
        Self(SecretBox::new(Box::new(random.bytes())))
    }

    /// What somebody typed, if it can be a code: hyphens and spaces may be missing, and the case does not matter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let typed = |letter: &char| *letter != '-' && !letter.is_whitespace();
        let letters: String = text.chars().filter(typed).map(|letter| letter.to_ascii_uppercase()).collect();
        let bytes = BASE32_NOPAD.decode(letters.as_bytes()).ok()?;
        Some(Self(SecretBox::new(Box::new(bytes.try_into().ok()?))))
    }

    /// What the person writes down. It must not be logged or stored.
    pub(crate) fn written(&self) -> String {
        let letters = BASE32_NOPAD.encode(self.0.expose_secret()).to_lowercase();
        let groups: Vec<_> = letters.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect();
        groups.join("-")
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }
}

/// Gives `account` new backup codes within `change`, for those that it has.
pub(crate) async fn renew_backups(
    random: &Random,
    change: &Change,
    account: Uuid,
) -> Result<Vec<String>, DbErr> {
    remove_backups(change, account).await?;
    let codes: Vec<_> = (0..BACKUP_CODES).map(|_| Code::generate(random)).collect();
    let rows = codes.iter().map(|code| {
        backup_code::ActiveModel::from(backup_code::Model { account_id: account, hash: code.hash() })
            .reset_all()
    });
    backup_code::Entity::insert_many(rows).exec_without_returning(&**change).await?;
    Ok(codes.iter().map(Code::written).collect())
}

pub(crate) async fn remove_backups(change: &Change, account: Uuid) -> Result<(), DbErr> {
    let his = backup_code::Column::AccountId.eq(account);
    backup_code::Entity::delete_many().filter(his).exec(&**change).await?;
    Ok(())
}

/// Uses a backup code up within `change`. False if it is none.
pub(crate) async fn spend_backup(change: &Change, account: Uuid, text: &str) -> Result<bool, DbErr> {
    let Some(code) = Code::parse(text) else { return Ok(false) };
    let used = backup_code::Entity::delete_by_id((account, code.hash())).exec(&**change).await?;
    Ok(used.rows_affected == 1)
}

/// Makes `code` the one with which the person of `account` recovers, within `change`.
pub(crate) async fn set_recovery(
    change: &Change,
    account: Uuid,
    code: &Code,
    expire_time: Timestamp,
) -> Result<(), DbErr> {
    use recovery_code::{ActiveModel, Column, Entity, Model};
    let row = Model { account_id: account, hash: code.hash(), expire_time };
    let instead =
        OnConflict::column(Column::AccountId).update_columns([Column::Hash, Column::ExpireTime]).to_owned();
    let row = ActiveModel::from(row).reset_all();
    Entity::insert(row).on_conflict(instead).exec_without_returning(&**change).await?;
    Ok(())
}

/// Whether `text` is the recovery code, and its time is not over. It serves until the person has enrolled, so that nobody who breaks
/// off needs another.
pub(crate) async fn is_recovery(change: &Change, account: Uuid, text: &str) -> Result<bool, DbErr> {
    use recovery_code::{Column, Entity};
    let Some(code) = Code::parse(text) else { return Ok(false) };
    let found = Entity::find_by_id(account)
        .filter(Column::Hash.eq(code.hash()))
        .filter(Expr::col(Column::ExpireTime).gt(database::now(&**change)));
    Ok(found.one(&**change).await?.is_some())
}

/// Makes the recovery code void within `change`.
pub(crate) async fn remove_recovery(change: &Change, account: Uuid) -> Result<(), DbErr> {
    recovery_code::Entity::delete_by_id(account).exec(&**change).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_however_it_is_typed() {
        let code = Code::generate(&Random::system());
        let written = code.written();
        assert_eq!(written.len(), 19, "{written}");
        for typed in
            [written.clone(), written.to_uppercase(), written.replace('-', ""), format!(" {written} ")]
        {
            assert_eq!(Code::parse(&typed).map(|read| read.hash()), Some(code.hash()), "{typed}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        let long = Code::generate(&Random::system()).written() + "aaaa";
        for text in ["", "-", "123456", "aaaa-aaaa-aaaa-aaa1", "ääää-aaaa-aaaa-aaaa", long.as_str()] {
            assert!(Code::parse(text).is_none(), "{text}");
        }
    }
}
