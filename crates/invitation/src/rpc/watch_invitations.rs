use usher_api::invitation as pb;
use usher_api::name::CommunityName;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Violations};

use crate::error::Error;
use crate::watch::{Changes, Watch, pages};
use crate::{Invitation, history};

pub(crate) async fn watch_invitations(
    service: &Invitation,
    caller: Caller,
    request: pb::WatchInvitationsRequest,
) -> Result<Changes, Error> {
    let mut violations = Violations::default();
    let root = violations.check("parent", request.parent.parse::<CommunityName>());
    let community = Some(&request.community).filter(|text| !text.is_empty());
    let community = community.map(|text| violations.check("community", text.parse()));
    let root = required(root, &mut violations)?;
    violations.finish()?;
    let mut watch =
        Watch { service: service.clone(), caller, root, community: community.flatten(), place: 0 };
    watch.require_authority().await?;
    let heard = pages(service, &watch.caller, &(root, watch.community)).open(&request.resume_token)?;
    watch.place = match heard {
        Some(place) => place,
        None => history::last_place(&service.database, root).await?,
    };
    watch.begin()
}
