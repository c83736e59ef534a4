//! Refusals as data, where one of several is refused or nothing was to be written.

use std::collections::HashMap;

use tonic::Status;
use tonic_types::StatusExt as _;
use usher_api::invitation::InvitationRefusal;
use usher_runtime::{Failure, Violations};

use crate::error::Error;

/// What the refusal would have been as an answer. Errors of the service itself are none: they are handed back.
pub(crate) fn tell(error: Error) -> Result<InvitationRefusal, Error> {
    if !error.is_refusal() {
        return Err(error);
    }
    Ok(from_status(&Status::from(error)))
}

/// The refusal of what has these faults.
pub(crate) fn of_fields(violations: Violations) -> InvitationRefusal {
    let failure = violations.finish().err().unwrap_or_else(|| Failure::internal("nothing is wrong"));
    from_status(&Status::from(failure))
}

fn from_status(status: &Status) -> InvitationRefusal {
    let details = status.get_error_details();
    let (reason, domain, metadata) = details
        .error_info()
        .map(|info| (info.reason.clone(), info.domain.clone(), info.metadata.clone()))
        .unwrap_or_default();
    let faults = details.bad_request().map(|faults| faults.field_violations.as_slice()).unwrap_or_default();
    let faults = faults.iter().map(|fault| (fault.field.clone(), fault.description.clone()));
    InvitationRefusal {
        code: status.code().into(),
        reason,
        domain,
        message: status.message().to_owned(),
        metadata,
        field_violations: faults.collect::<HashMap<_, _>>(),
    }
}

/// Whether it is for want of authority, of which nothing else may be told.
pub(crate) fn denies(refusal: &InvitationRefusal) -> bool {
    refusal.reason == "PERMISSION_DENIED"
}
