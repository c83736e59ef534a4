use usher_api::identity as pb;
use usher_runtime::Caller;

use crate::Identity;
use crate::error::Error;
use crate::second_factor::enrollment::Enrolling;
use crate::second_factor::totp;

pub(crate) async fn start_totp_enrollment(
    service: &Identity,
    caller: &Caller,
    request: pb::StartTotpEnrollmentRequest,
) -> Result<pb::StartTotpEnrollmentResponse, Error> {
    let enrolling = Enrolling::read(service, caller, &request.name, &request.challenge_token).await?;
    let account = enrolling.account(service, caller, &request.current_password).await?;
    let started = totp::start(service, &account).await?;
    Ok(pb::StartTotpEnrollmentResponse {
        secret: started.secret,
        provisioning_uri: started.provisioning_uri,
        qr_code_svg: started.qr_code_svg,
        expire_time: Some(started.expire_time.into()),
    })
}
