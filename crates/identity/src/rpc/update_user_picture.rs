use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use usher_api::identity as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::image::{Examined, examine};
use usher_runtime::{Caller, Change, Failure, Once, Violations};

use crate::Identity;
use crate::access::{named_user, require_self};
use crate::account;
use crate::entity::{account as person, picture};
use crate::error::Error;

pub(crate) async fn update_user_picture(
    service: &Identity,
    caller: &Caller,
    request: pb::UpdateUserPictureRequest,
) -> Result<pb::UpdateUserPictureResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_self(caller, name, "users.update")?;
    let mut violations = Violations::default();
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    let picture = read(name.0, request.picture.clone()).await?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateUserPicture", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let row = account::hold(&change, name).await?;
    account::require_etag(&request.etag, &row)?;
    let row = write(service, &change, row.id, picture).await?;
    let answer = pb::UpdateUserPictureResponse { user: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(user = %name, "picture of account {} set", row.id);
    Ok(answer)
}

/// The picture in `content`, or none if that is empty. Examined beside the threads that serve other calls.
async fn read(account: Uuid, content: Vec<u8>) -> Result<Option<picture::Model>, Error> {
    if content.is_empty() {
        return Ok(None);
    }
    let examined = tokio::task::spawn_blocking(move || {
        examine(&content).map(|Examined { media_type, id }| picture::Model {
            account_id: account,
            picture_id: id,
            media_type: media_type.to_owned(),
            content,
        })
    });
    let examined = examined.await.map_err(Failure::internal)?;
    examined.map(Some).map_err(Error::PictureInvalid)
}

/// Replaces the picture by `picture`.
async fn write(
    service: &Identity,
    change: &Change,
    id_of_account: Uuid,
    picture: Option<picture::Model>,
) -> Result<person::Model, Error> {
    let id = picture.as_ref().map(|picture| picture.picture_id.clone()).unwrap_or_default();
    match picture {
        Some(row) => {
            let columns = [picture::Column::PictureId, picture::Column::MediaType, picture::Column::Content];
            let overwrite = OnConflict::column(picture::Column::AccountId).update_columns(columns).to_owned();
            let row = picture::ActiveModel::from(row).reset_all();
            picture::Entity::insert(row).on_conflict(overwrite).exec_without_returning(&**change).await?;
        }
        None => {
            picture::Entity::delete_by_id(id_of_account).exec(&**change).await?;
        }
    }
    let columns = vec![(person::Column::PictureId, Expr::value(id))];
    account::write(service, change, id_of_account, columns, "user.updated").await
}
