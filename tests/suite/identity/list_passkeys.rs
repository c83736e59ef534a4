use tonic::Code;
use usher_api::identity::ListPasskeysRequest;

use super::nobodys_name;
use crate::support::authenticator::Manner;
use crate::support::passkeys::{Holder, list, register};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};

#[tokio::test]
async fn tells_what_there_is_and_when_it_was_used() {
    let mut mira = Holder::new("mira").await;
    let first = mira.passkey.clone();
    let second = register(&mira.person, &Manner::default()).await.1.unwrap().passkey.unwrap();
    let listed = list(&mira.person.caller, "users/me").await.unwrap();
    assert_eq!(listed, [second.clone(), first.clone()]);
    mira.sign_in().await.unwrap();
    let listed = list(&mira.person.caller, &mira.person.name).await.unwrap();
    assert_eq!(listed[0], second);
    assert!(listed[1].last_use_time.is_some());
    assert_eq!(listed[1].etag, first.etag);
}

#[tokio::test]
async fn comes_in_pages() {
    let mira = Holder::new("mira").await;
    let second = register(&mira.person, &Manner::default()).await.1.unwrap().passkey.unwrap();
    let page = async |page_token: String, page_size| {
        let request = ListPasskeysRequest { parent: "users/me".to_owned(), page_size, page_token };
        mira.person.caller.identity().list_passkeys(request).await.map(tonic::Response::into_inner)
    };
    let one = page(String::new(), 1).await.unwrap();
    assert_eq!(one.passkeys, [second]);
    let two = page(one.next_page_token.clone(), 1).await.unwrap();
    assert_eq!(
        (two.passkeys.as_slice(), two.next_page_token.as_str()),
        ([mira.passkey.clone()].as_slice(), "")
    );
    refused_fields(page(String::new(), -1).await, &["page_size"]);
    let request =
        ListPasskeysRequest { parent: "users/me".to_owned(), page_size: 1, page_token: one.next_page_token };
    let stolen = Person::new("noor").await.caller.identity().list_passkeys(request).await;
    refused(stolen, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn people_see_their_own_and_administrators_all() {
    let (admin, mira, noor) = (admin().await, Holder::new("mira").await, Person::new("noor").await);
    assert_eq!(list(&admin.caller, &mira.person.name).await.unwrap(), [mira.passkey]);
    refused(list(&noor.caller, &mira.person.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(list(&noor.caller, &nobodys_name()).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused_fields(list(&noor.caller, "mira").await, &["parent"]);
}
