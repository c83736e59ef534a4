use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};

use crate::catalogue::COMMUNITIES_UPDATE;
use crate::consistency::ConsistencyToken;
use crate::entity::{community, image};
use crate::error::Error;
use crate::event::CommunityFact;
use crate::tree::HeldCommunity;
use crate::{Community, authority, event, parse};
use usher_runtime::image::{Examined, examine};

pub(crate) async fn update_community_image(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateCommunityImageRequest,
) -> Result<pb::UpdateCommunityImageResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<CommunityName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    authority::require_for_change(&*service.database, caller, COMMUNITIES_UPDATE, name).await?;
    violations.finish()?;
    let image = read(name, request.image.clone()).await?;

    let once =
        Once::new(&service.sealing, &service.clock, caller, "UpdateCommunityImage", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, name).await?;
    authority::require_for_change(&*change, caller, COMMUNITIES_UPDATE, name).await?;
    community.require_etag(&request.etag)?;
    let row = write(service, &change, name, image).await?;
    let consistency_token = ConsistencyToken::seal(service, community.held)?;
    let answer =
        pb::UpdateCommunityImageResponse { community: Some(row.to_proto(row.state)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(community = %name, "image of community {} set", name.0);
    Ok(answer)
}

/// The image in `content`, or none if that is empty. Examined beside the threads that serve other calls.
async fn read(name: CommunityName, content: Vec<u8>) -> Result<Option<image::Model>, Error> {
    if content.is_empty() {
        return Ok(None);
    }
    let examined = tokio::task::spawn_blocking(move || {
        examine(&content).map(|Examined { media_type, id }| image::Model {
            community_id: name.0,
            image_id: id,
            media_type: media_type.to_owned(),
            content,
        })
    });
    let examined = examined.await.map_err(Failure::internal)?;
    examined.map(Some).map_err(Error::ImageInvalid)
}

/// Replaces the image by `image`.
async fn write(
    service: &Community,
    change: &Change,
    name: CommunityName,
    image: Option<image::Model>,
) -> Result<community::Model, Error> {
    let id = image.as_ref().map(|image| image.image_id.clone()).unwrap_or_default();
    match image {
        Some(row) => {
            let columns = [image::Column::ImageId, image::Column::MediaType, image::Column::Content];
            let overwrite = OnConflict::column(image::Column::CommunityId).update_columns(columns).to_owned();
            let row = image::ActiveModel::from(row).reset_all();
            image::Entity::insert(row).on_conflict(overwrite).exec_without_returning(&**change).await?;
        }
        None => {
            image::Entity::delete_by_id(name.0).exec(&**change).await?;
        }
    }
    let rows = community::Entity::update_many()
        .col_expr(community::Column::ImageId, Expr::value(id))
        .col_expr(community::Column::Version, Expr::col(community::Column::Version).add(1))
        .col_expr(community::Column::UpdateTime, Expr::value(service.clock.now()))
        .filter(community::Column::Id.eq(name.0))
        .exec_with_returning(&**change)
        .await?;
    let row = rows.into_iter().next().ok_or(Failure::ConcurrentChange)?;
    event::of_community(service, change, &row, CommunityFact::Updated).await?;
    Ok(row)
}
