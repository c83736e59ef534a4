//! Why an RPC of this service refuses: for the reasons that hold for every RPC, and no others.

use sea_orm::DbErr;
use tonic::Status;
use usher_runtime::Failure;

/// Why an RPC refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What any RPC can answer with.
    #[error(transparent)]
    Shared(#[from] Failure),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Shared(error.into())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let Error::Shared(failure) = error;
        failure.into()
    }
}
