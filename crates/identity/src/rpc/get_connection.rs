use usher_api::identity as pb;
use usher_api::name::ConnectionName;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Violations};

use crate::Identity;
use crate::connection::find;
use crate::error::Error;

pub(crate) async fn get_connection(
    service: &Identity,
    _: &Caller,
    request: pb::GetConnectionRequest,
) -> Result<pb::GetConnectionResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ConnectionName>());
    let name = required(name, &mut violations)?;
    let row = find(&*service.database, name).await?;
    Ok(pb::GetConnectionResponse { connection: Some(row.to_proto()) })
}
