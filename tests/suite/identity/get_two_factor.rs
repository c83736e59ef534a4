use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{GetTwoFactorRequest, SecondFactor, TwoFactor};

use super::nobodys_name;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::two_factor::{Enrolled, complete};

async fn get(caller: &Caller, name: &str) -> Result<TwoFactor, Status> {
    let request = GetTwoFactorRequest { name: name.to_owned() };
    Ok(caller.identity().get_two_factor(request).await?.into_inner().two_factor.expect("it comes"))
}

#[tokio::test]
async fn tells_what_there_is() {
    let mira = Person::new("mira").await;
    let name = format!("{}/twoFactor", mira.name);
    let none = get(&mira.caller, "users/me/twoFactor").await.unwrap();
    assert_eq!(none, TwoFactor { name: name.clone(), etag: none.etag.clone(), ..TwoFactor::default() });

    let mira = Enrolled::from(mira).await;
    let both = vec![SecondFactor::Totp.into(), SecondFactor::BackupCode.into()];
    let some = get(&mira.person.caller, &name).await.unwrap();
    assert_eq!((some.enabled, &some.factors, some.backup_code_count), (true, &both, 10));
    assert!(some.enable_time.is_some() && !some.enforced);
    let backup = Proof::BackupCode(mira.backup_codes[0].clone());
    complete(&mira.challenge().await.token, backup).await.unwrap();
    assert_eq!(get(&mira.person.caller, &name).await.unwrap(), TwoFactor { backup_code_count: 9, ..some });
}

#[tokio::test]
async fn people_see_their_own_and_administrators_all() {
    let (admin, mira, noor) = (admin().await, Person::new("mira").await, Person::new("noor").await);
    let name = format!("{}/twoFactor", mira.name);
    get(&admin.caller, &name).await.unwrap();
    refused(get(&noor.caller, &name).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let nobodys = format!("{}/twoFactor", nobodys_name());
    refused(get(&admin.caller, &nobodys).await, Code::NotFound, "USER_NOT_FOUND");
    refused_fields(get(&mira.caller, "users/me").await, &["name"]);
    refused_fields(get(&mira.caller, "mira/twoFactor").await, &["name"]);
}
