//! Codes of six digits that an app makes out of a secret and the time (RFC 6238). A code serves once, and so do those before it.

use std::time::Duration;

use qrcode::QrCode;
use qrcode::render::svg;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use totp_rs::{Builder, Totp};
use usher_runtime::{Change, Failure, SealingKey, Timestamp, database};

use crate::Identity;
use crate::entity::account::Model as Account;
use crate::entity::totp::{ActiveModel, Column, Entity, Model};
use crate::entity::totp_enrollment as enrollment;
use crate::error::Error;

/// As long as RFC 4226 recommends: 160 bits.
const SECRET_LENGTH: usize = 20;
/// How long a person may take to enrol.
const ENROLLMENT_LIFE: Duration = Duration::from_mins(30);
/// The least width of the picture, in pixels, if nobody scales it.
const PICTURE_SIZE: u32 = 240;

/// An enrolment that was started, for the person.
pub(crate) struct Started {
    pub(crate) secret: String,
    pub(crate) provisioning_uri: String,
    pub(crate) qr_code_svg: String,
    pub(crate) expire_time: Timestamp,
}

/// Starts an enrolment for `account`, instead of one that was started before.
pub(crate) async fn start(service: &Identity, account: &Account) -> Result<Started, Error> {
    let secret = service.random.bytes::<SECRET_LENGTH>();
    let expire_time = service.clock.now().after(ENROLLMENT_LIFE);
    let row = enrollment::Model {
        account_id: account.id,
        sealed_secret: service.sealing.seal(&service.random, &purpose(account.id), &secret),
        expire_time,
    };
    let instead = OnConflict::column(enrollment::Column::AccountId)
        .update_columns([enrollment::Column::SealedSecret, enrollment::Column::ExpireTime])
        .to_owned();
    enrollment::Entity::insert(enrollment::ActiveModel::from(row).reset_all())
        .on_conflict(instead)
        .exec_without_returning(&*service.database)
        .await?;
    // A colon would part the names of the service and of the account elsewhere.
    let [issuer, name] =
        [&service.config.two_factor_issuer, &account.email].map(|name| name.replace(':', " "));
    let app = builder(&secret).with_issuer(Some(issuer)).with_account_name(name);
    let app = app.build().map_err(Failure::internal)?;
    let provisioning_uri = app.to_url().map_err(Failure::internal)?;
    let picture = QrCode::new(&provisioning_uri).map_err(Failure::internal)?;
    let qr_code_svg = picture.render::<svg::Color<'_>>().min_dimensions(PICTURE_SIZE, PICTURE_SIZE).build();
    Ok(Started { secret: app.secret().to_base32(), provisioning_uri, qr_code_svg, expire_time })
}

/// Makes the app whose enrolment was started that of `account`, within `change`, if `code` is what it shows at `now`. False if
/// it is not.
///
/// # Errors
/// [`Error::EnrollmentInvalid`]
pub(crate) async fn confirm(
    service: &Identity,
    change: &Change,
    account: Uuid,
    (code, now): (&str, Timestamp),
) -> Result<bool, Error> {
    let begun = enrollment::Entity::delete_many()
        .filter(enrollment::Column::AccountId.eq(account))
        .filter(Expr::col(enrollment::Column::ExpireTime).gt(database::now(&**change)))
        .exec_with_returning(&**change)
        .await?;
    let begun = begun.into_iter().next().ok_or(Error::EnrollmentInvalid)?;
    let app = open(&service.sealing, account, &begun.sealed_secret)?;
    let Some(step) = step_of(&app, code, now) else { return Ok(false) };
    let row = Model {
        account_id: account,
        sealed_secret: begun.sealed_secret,
        last_step: step,
        enable_time: service.clock.now(),
    };
    // Another app may take the place of one; since when there is one at all stays.
    let instead = OnConflict::column(Column::AccountId)
        .update_columns([Column::SealedSecret, Column::LastStep])
        .to_owned();
    let row = ActiveModel::from(row).reset_all();
    Entity::insert(row).on_conflict(instead).exec_without_returning(&**change).await?;
    Ok(true)
}

/// Ends an enrolment that was started, within `change`.
pub(crate) async fn end_enrollment(change: &Change, account: Uuid) -> Result<(), DbErr> {
    enrollment::Entity::delete_by_id(account).exec(&**change).await?;
    Ok(())
}

/// Uses a code up within `change`. False if it is not what the app shows at `now`, or was used.
pub(crate) async fn spend(
    service: &Identity,
    change: &Change,
    account: Uuid,
    (code, now): (&str, Timestamp),
) -> Result<bool, Error> {
    let Some(row) = Entity::find_by_id(account).one(&**change).await? else { return Ok(false) };
    let app = open(&service.sealing, account, &row.sealed_secret)?;
    let Some(step) = step_of(&app, code, now) else { return Ok(false) };
    let used = Entity::update_many()
        .col_expr(Column::LastStep, Expr::value(step))
        .filter(Column::AccountId.eq(account))
        .filter(Expr::col(Column::LastStep).lt(step))
        .exec(&**change)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Six digits, steps of 30 seconds, and one step of drift each way.
fn builder(secret: &[u8]) -> Builder {
    Builder::new().with_secret(secret.to_vec())
}

/// A secret is sealed for one account, so that nobody who can write rows gives somebody his own.
fn purpose(account: Uuid) -> String {
    format!("totp of {account}")
}

fn open(sealing: &SealingKey, account: Uuid, sealed: &str) -> Result<Totp, Failure> {
    let secret = sealing.open(&purpose(account), sealed);
    let secret = secret.ok_or_else(|| Failure::internal("a secret was sealed with another key"))?;
    builder(&secret).build().map_err(Failure::internal)
}

/// The step at which the app shows `code`, if that is about `now`.
fn step_of(app: &Totp, code: &str, now: Timestamp) -> Option<i64> {
    let digits: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let step = app.check(&digits, u64::try_from(now.unix_seconds()).ok()?)?;
    i64::try_from(step).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RFC 6238, appendix B, of which six digits are the end of eight.
    const SECRET: &[u8] = b"12345678901234567890";
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn step(code: &str, seconds: i64) -> Option<i64> {
        step_of(&builder(SECRET).build().unwrap(), code, Timestamp(seconds * 1_000_000))
    }

    #[test]
    fn shows_what_the_standard_says() {
        for (seconds, code) in VECTORS {
            assert_eq!(step(code, seconds), Some(seconds / 30));
        }
    }

    #[test]
    fn one_step_of_drift_is_allowed_each_way() {
        let (seconds, code) = VECTORS[1];
        let begin = seconds - seconds % 30;
        for moment in [begin - 30, begin, begin + 59] {
            assert_eq!(step(code, moment), Some(seconds / 30), "{moment}");
        }
        assert_eq!((step(code, begin - 31), step(code, begin + 60)), (None, None));
    }

    #[test]
    fn other_texts_are_no_codes() {
        for text in ["", "28708", "2870820", "28708x", "２８７０８２", "-87082"] {
            assert_eq!(step(text, 59), None, "{text}");
        }
        assert_eq!(step(" 287 082", 59), Some(1));
    }
}
